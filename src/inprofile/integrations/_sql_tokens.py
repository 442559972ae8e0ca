"""The tokens of SQL text, system by system: which quotes hold a literal, and where it ends."""

import re
from collections.abc import Iterator
from typing import NamedTuple

Token = tuple[str, int, int]
"""Kind, start and end; what stands between two tokens is punctuation and space."""

UNENDED = frozenset({"open", "open_backtick", "open_dollar", "unclosed"})
"""Kinds that run to the end of the text for want of a closing mark."""

_COMMENT = r"(?P<comment> --[^\n]* ) | (?P<block> /\* )"
_MYSQL_COMMENT = r"(?P<comment> (?:--|\#)[^\n]* ) | (?P<block> /\* )"
_DOLLAR = r"(?P<dollar> \$(?P<tag>[^\W\d]\w*|)\$ .*? \$(?P=tag)\$ )"
_ESCAPED = r"(?P<escaped> \b[eE]'(?:[^'\\]++|''|\\.)*+' )"
_ORACLE = r"""(?P<chosen> \b[nN]?[qQ]' (?: \[.*?\]' | \(.*?\)' | \{.*?\}' | <.*?>'
    | (?P<mark>[^\s\[({<]).*?(?P=mark)' ) )"""
_STRING = r"(?P<string> (?:\b[xXbBnN]|\b[uU]&)?'(?:[^']++|'')*+' )"
_ESCAPING = r"(?P<string> (?:\b[xXbBnN])?'(?:[^'\\]++|''|\\.)*+' | \b[uU]&'(?:[^']++|'')*+' )"
_MYSQL_STRING = r"""(?P<string> (?:\b[xXbBnN])?'(?:[^']++|'')*+' | "(?:[^"]++|"")*+" )"""
_MYSQL_ESCAPING = r"""(?P<string> (?:\b[xXbBnN])?'(?:[^'\\]++|''|\\.)*+'
    | "(?:[^"\\]++|""|\\.)*+" )"""
_QUOTED = r'(?P<quoted> "(?:[^"]++|"")*+" )'
_BACKTICK = "(?P<backtick> `(?:[^`]++|``)*+` )"
_BACKTICK_PERHAPS = "(?P<backtick> `[^`']*+` )"
_OPEN = r"""(?P<open> (?:\b[eExXbBnNqQ]|\b[nN][qQ]|\b[uU]&)?['"].* )"""
_OPEN_BACKTICK = "(?P<open_backtick> `.* )"
_OPEN_DOLLAR = r"(?P<open_dollar> \$(?:[^\W\d]\w*)?(?:\$.*|\Z) )"
_WORD = r"[^\W\d][\w$]* | [:@][^\W\d]\w* | %\(\w+\)[sbt] | \?\d+"
_DOLLAR_WORD = rf"\$\w+ | {_WORD}"
_BRACKETS = r"\[[^\]]{1,128}\]"
_MYSQL_NUMBERED = r"(?<![\w$])(?!0[xXbB]|\d+[eE](?![^\W\d]))\d+[^\W\d][\w$]*"
"""MySQL's names may begin with a digit: 2fa_codes."""
_NUMBER = r"""(?P<number> (?<![\w$]) (?: 0[xX][0-9A-Fa-f_]+ | 0[oO][0-7_]+ | 0[bB][01_]+
    | (?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)? ) )"""
_MONEY = r"(?P<money> \$\d[\d,]*(?:\.\d*)? )"
_FIRST = r"(?P<word> [^\W\d][\w$]*+(?!['\"&]) )"
"""The most frequent of names, tried before all else; a quote behind it may make it a prefix."""

_BLOCK_MARK = re.compile(r"/\*|\*/")


def _reading(*kinds: str) -> re.Pattern[str]:
    return re.compile("|".join([_FIRST, *kinds, _NUMBER]), re.VERBOSE | re.DOTALL)


def _names(*names: str) -> str:
    return f"(?P<name> {' | '.join(names)} )"


class Lexis(NamedTuple):
    """How one system's text falls into tokens.

    ``other`` is the reading that a setting of the server could ask for instead, with a
    backslash that ends or does not end a string; ``is_known`` says that ``reading`` is the
    system's own default. ``nests`` are comments within comments; ``dollars`` quote.
    """

    reading: re.Pattern[str]
    other: re.Pattern[str] | None = None
    is_known: bool = True
    nests: bool = True
    dollars: bool = False

    def ends_elsewhere(self, text: str, start: int, end: int) -> bool:
        """Whether the string from ``start`` to ``end`` would end elsewhere in the other reading."""
        if self.other is None or "\\" not in text[start:end]:
            return False
        match = self.other.match(text, start)
        return match is None or match.end() != end

    def decides(self, text: str) -> bool:
        """Whether ``text`` cannot be meant in the other reading.

        A text that ends well in one reading does not in the other, unless a comment or a dollar
        quote hides the end: an escaped quote leaves a backslash outside of a string, or an odd
        quote.
        """
        return self.is_known and self.other is not None and not self._ends_well(text, self.other)

    def tokens(self, text: str) -> Iterator[Token]:
        """Takes time in proportion to the length of ``text``."""
        return _tokens(text, self.reading, self.nests)

    def _ends_well(self, text: str, reading: re.Pattern[str]) -> bool:
        last = 0
        for kind, start, end in _tokens(text, reading, self.nests):
            if kind in UNENDED or "\\" in text[last:start]:
                return False
            last = end
        return "\\" not in text[last:]


def _tokens(text: str, reading: re.Pattern[str], nests: bool) -> Iterator[Token]:  # noqa: FBT001
    end = 0
    while token := reading.search(text, end):
        start, end = token.span()
        kind = token.lastgroup or ""
        if kind == "block":
            closed = _closed(text, start, nests)
            kind, end = ("comment", closed) if closed else ("unclosed", len(text))
        yield kind, start, end


def _closed(text: str, start: int, nests: bool) -> int:  # noqa: FBT001
    """Where the comment that begins at ``start`` ends; 0 where it does not."""
    if not nests:
        close = text.find("*/", start + 2)
        return close + 2 if close >= 0 else 0
    depth = 0
    for mark in _BLOCK_MARK.finditer(text, start):
        depth += 1 if mark.group() == "/*" else -1
        if not depth:
            return mark.end()
    return 0


def _postgresql(string: str) -> re.Pattern[str]:
    names = _names(_DOLLAR_WORD)
    return _reading(_COMMENT, _DOLLAR, _OPEN_DOLLAR, _ESCAPED, string, _QUOTED, _OPEN, names)


def _mysql(string: str) -> re.Pattern[str]:
    names = _names(_MYSQL_NUMBERED, _WORD)
    return _reading(_MYSQL_COMMENT, string, _BACKTICK, _OPEN, _OPEN_BACKTICK, names)


def _any(string: str) -> re.Pattern[str]:
    names = _names(r"\[[^\W\d]\w*(?:[ ][^\W\d]\w*)*\]", _DOLLAR_WORD)
    quoted = (_ESCAPED, string, _QUOTED, _BACKTICK_PERHAPS)
    return _reading(_COMMENT, _DOLLAR, _OPEN_DOLLAR, *quoted, _OPEN, _OPEN_BACKTICK, names)


_SQLITE_NAMES = (_BACKTICK, _OPEN, _OPEN_BACKTICK, _names(_BRACKETS, _DOLLAR_WORD))
_SQL_SERVER_NAMES = (_OPEN, _MONEY, _names(_BRACKETS, _WORD))
_LEXES = {
    "postgresql": Lexis(_postgresql(_STRING), _postgresql(_ESCAPING), dollars=True),
    "mysql": Lexis(_mysql(_MYSQL_ESCAPING), _mysql(_MYSQL_STRING), nests=False),
    "mariadb": Lexis(_mysql(_MYSQL_ESCAPING), _mysql(_MYSQL_STRING), nests=False),
    "sqlite": Lexis(_reading(_COMMENT, _STRING, _QUOTED, *_SQLITE_NAMES), nests=False),
    "microsoft.sql_server": Lexis(_reading(_COMMENT, _STRING, _QUOTED, *_SQL_SERVER_NAMES)),
    "oracle.db": Lexis(
        _reading(_COMMENT, _ORACLE, _STRING, _QUOTED, _OPEN, _names(_WORD)), nests=False
    ),
}
_ANY = Lexis(_any(_STRING), _any(_ESCAPING), is_known=False, dollars=True)


def lexis(system: str) -> Lexis:
    """That of a ``db.system.name``; for an unknown one, what shows least of all."""
    return _LEXES.get(system, _ANY)
