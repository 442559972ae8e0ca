"""SQL text without its literals: one pass over its tokens."""

import re

from inprofile.integrations._sql_tokens import Lexis, lexis

SHOWN = frozenset({"word", "name", "quoted", "backtick"})
BLANK = frozenset({"comment", "unclosed"})
CONSTANTS = frozenset({"NULL", "TRUE", "FALSE"})
BEFORE_A_VALUE = frozenset(
    (  # noqa: SIM905 - a list would take a line a word
        "SELECT DISTINCT ALL WHERE ON HAVING AND OR WHEN THEN ELSE CASE BETWEEN LIKE ILIKE GLOB IN "
        "LIMIT OFFSET TOP FETCH NEXT FIRST BY TO WITH RETURN RETURNING VALUES INTERVAL START"
    ).split()
)
"""Words behind which a value begins, so that a sign belongs to it."""

SIGNED = frozenset(",([{=<>*/%:;?") | BEFORE_A_VALUE | {""}
COMPARISONS = frozenset({"=", "<", ">", "LIKE", "GLOB", "MATCH", "REGEXP"})

_CAST = r"::\w+(?: \w+)*+(?:\([?, ]*\))?(?: \w+)*+(?:\[\??\])*"
_PARAMETER = rf"(?:[:@]?\?\d*|\$\d+|%s|%\(\w+\)s|[:@]\w+|DEFAULT\b)(?:{_CAST})?"
_NO_CALL = "|".join(
    [
        *(rf"(?<=\b{word}\()|(?<=\b{word} \()" for word in ("IN", "VALUES", "VALUE")),
        r"""(?<![\w"`\]]\()(?<![\w"`\]] \()""",
    ]
)
"""Behind a parenthesis that opens a list and not the arguments of a call."""

_LIST = re.compile(
    rf"([(\[](?:(?<=\[)|{_NO_CALL})\s*){_PARAMETER}(?:\s*,\s*{_PARAMETER})*+\s*([)\]]|\Z)",
    re.IGNORECASE,
)
_ROW = r"\((?:[^()]++|\((?:[^()]++|\((?:[^()]++|\([^()]*+\))*+\))*+\))*+\)"
_ROWS = re.compile(
    rf"(\b(?:VALUES?\s*|IN\s*\(\s*){_ROW})(?:\s*,\s*{_ROW})*+(?:\s*,\s*\(\?\Z)?", re.IGNORECASE
)
_CUT_DOLLAR = re.compile(r"(?<![\w$])\$(?:[^\W\d]\w*)?\Z")
"""What may be the beginning of a dollar quote, once nothing stands behind it."""

_SAVEPOINT = re.compile(
    r"""\A((?:SAVEPOINT|RELEASE(?:\ SAVEPOINT)?|SAVE\ TRAN(?:SACTION)?
    |ROLLBACK(?:\ WORK|\ TRAN(?:SACTION)?)?\ TO(?:\ SAVEPOINT)?)\ )
    (?!SAVEPOINT\b)(?:"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|[^\s;]+)""",
    re.IGNORECASE | re.VERBOSE,
)
"""A savepoint's name has a number in it, so that every one would be a statement of its own."""

_SPACES = re.compile(r"\s+")


def mask(text: str, system: str = "other_sql", *, is_whole: bool = True) -> str:
    """``text`` with every literal as ``?``, lists and rows collapsed, comments dropped.

    ``system`` is a ``db.system.name``; not ``is_whole`` says that the end was cut off. Where a
    backslash before a quote leaves open whether a string ends, nothing after it is shown.
    """
    masked = _SPACES.sub(" ", _Mask(lexis(system), system).run(text, is_whole=is_whole))
    masked = masked.lstrip().rstrip("; ")
    if lexis(system).dollars:
        masked = _CUT_DOLLAR.sub("?", masked)
    masked = _SAVEPOINT.sub(r"\1?", masked)
    return _ROWS.sub(r"\1", _LIST.sub(r"\1?\2", masked))


class _Mask:
    """What is shown of each token, in the light of those before it.

    ``before`` is the last word in capitals, ``?`` for a literal, or the last mark of
    punctuation, and ``ahead`` what stood before that mark.
    """

    __slots__ = ("ahead", "before", "in_values", "is_password", "is_sqlite", "lexis", "parts")

    def __init__(self, lexis: Lexis, system: str) -> None:
        self.lexis = lexis
        self.is_sqlite = system == "sqlite"
        self.parts: list[str] = []
        self.before = self.ahead = ""
        self.in_values = self.is_password = False

    def run(self, text: str, *, is_whole: bool) -> str:
        last = 0
        is_open = self.lexis.other is not None
        for kind, start, end in self.lexis.tokens(text):
            if last < start:
                self._between(text[last:start])
            last = end
            if is_open and kind == "string" and self.lexis.ends_elsewhere(text, start, end):
                if not (is_whole and self.lexis.decides(text)):
                    self._literal()
                    return "".join(self.parts)
                is_open = False
            if kind in BLANK:
                self.parts.append(" ")
            elif kind in SHOWN:
                self._name(text[start:end], kind, text[end : end + 1])
            else:
                self._literal()
        self.parts.append(text[last:])
        return "".join(self.parts)

    def _between(self, marks: str) -> None:
        self.parts.append(marks)
        if marks == " ":
            return
        marks = marks.strip()
        if marks:
            if marks[0] == "(" and self.before in {"IN", "VALUES"}:
                self.in_values = True
            self.ahead = marks[:-1].rstrip()[-1:] or self.before
            self.before = marks[-1]

    def _literal(self) -> None:
        marks = self.parts[-1] if self.parts else ""
        if marks[-1:] in {"+", "-"} and self.ahead in SIGNED:  # not between two operands
            self.parts[-1] = marks[:-1]
        self.parts.append("?")
        self.before = "?"

    def _name(self, value: str, kind: str, following: str) -> None:
        word = value.upper() if value[0].isalpha() else "name"
        if (
            self._is_constant(word)
            or (self.is_password and self.before == "BY")
            or (kind == "quoted" and following != "." and self._is_sqlite_string())
        ):
            self._literal()
            return
        self.is_password = word == "IDENTIFIED" or (self.is_password and word == "BY")
        self.in_values = self.in_values and kind == "quoted"
        self.before = word
        self.parts.append(value)

    def _is_constant(self, word: str) -> bool:
        """NULL and the truth values where a value stands, not in IS NULL or NOT NULL."""
        return word in CONSTANTS and (self.before in SIGNED or self.before in COMPARISONS)

    def _is_sqlite_string(self) -> bool:
        """SQLite takes a quoted name for a string where it knows no such name."""
        return self.is_sqlite and (self.in_values or self.before in COMPARISONS)
