"""The operations and targets of a masked statement: ``INSERT song_artists SELECT artists``."""

import re
from collections.abc import Callable
from typing import NamedTuple

MAX_SUMMARY = 255
"""OpenTelemetry's limit; what would not fit whole is left out."""

QUOTES = '"`[]'

_PART = r"""(?:"(?:[^"]|"")+"|`(?:[^`]|``)+`|\[[^\]()?,]{1,128}\]|\#{0,2}\w[\w$\#]*)"""
_TOKEN = re.compile(
    rf"(?<![@:$])[@:$]++\w+|%s|%\(\w+\)s|\?\d*|(?P<name>{_PART}(?:[ ]?\.+[ ]?{_PART})*+)|[^\s\w]"
)
_DERIVED = re.compile(
    rf"(?:\bWITH(?: RECURSIVE)?|\) ?,) ({_PART})(?: ?\([^()]*+\))? AS"
    r"(?: NOT)?(?: MATERIALIZED)? ?\(",
    re.IGNORECASE,
)
QUERIES = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE"})
ROUTINE_CALLS = frozenset({"CALL", "EXEC", "EXECUTE"})
TARGETED = QUERIES - {"SELECT"} | ROUTINE_CALLS | {"TRUNCATE", "USE", "COPY", "TABLE"}
"""Operations whose target follows; SELECT's follow FROM."""

READING = frozenset({"SELECT", "UPDATE", "DELETE", "MERGE"})
"""Operations in which FROM names targets, as it does not in EXTRACT(YEAR FROM a)."""

DEFINITIONS = frozenset({"CREATE", "ALTER", "DROP"})
OBJECTS = frozenset(
    (  # noqa: SIM905 - a list would take a line a word
        "TABLE VIEW INDEX DATABASE SCHEMA SEQUENCE FUNCTION PROCEDURE PROC TRIGGER USER ROLE LOGIN "
        "TYPE DOMAIN EXTENSION POLICY RULE SERVER TABLESPACE COLLATION PUBLICATION SUBSCRIPTION "
        "AGGREGATE SYNONYM PACKAGE EVENT STATISTICS"
    ).split()
)
ROUTINES = frozenset({"FUNCTION", "PROCEDURE", "PROC", "TRIGGER", "PACKAGE", "EVENT", "RULE"})
"""Their bodies hold statements of their own, semicolons and all."""

PREFIXES = frozenset({"WITH", "EXPLAIN", "ANALYZE"})
"""Words before the operation itself."""

SILENT = frozenset({"GRANT", "REVOKE"})
"""Operations on operations."""

FILLERS = frozenset(
    (  # noqa: SIM905 - a list would take a line a word
        "INTO FROM OR IGNORE LOW_PRIORITY DELAYED HIGH_PRIORITY QUICK ONLY LATERAL IF NOT EXISTS "
        "CONCURRENTLY OVERWRITE ROLLBACK ABORT FAIL REPLACE ON OUTFILE DUMPFILE TEMP TEMPORARY "
        "UNLOGGED"
    ).split()
)
"""Words between an operation and its target."""

AFTER_TARGETS = frozenset(
    (  # noqa: SIM905 - a list would take a line a word
        "WHERE GROUP HAVING ORDER LIMIT OFFSET FETCH WINDOW UNION INTERSECT EXCEPT MINUS FOR SET "
        "VALUES VALUE RETURNING CONFLICT DUPLICATE WHEN OPTION QUALIFY CONNECT START LOCK DEFAULT"
    ).split()
)
"""Words that end a list of targets, so that a comma behind them brings no further one."""


class Summary(NamedTuple):
    """``operation`` and ``collection`` are empty where there are several or none.

    A statement's operation is the one it begins with: a SELECT within it is part of it.
    """

    text: str
    operation: str
    collection: str


def summarise(masked: str) -> Summary:
    """What OpenTelemetry's conventions call the summary of a query, from its masked text.

    Takes time in proportion to the length of ``masked``.
    https://opentelemetry.io/docs/specs/semconv/db/database-spans/#generating-a-summary-of-the-query
    """
    reader = _Reader(masked)
    reader.read(masked)
    operations, tables = reader.operations, reader.tables
    return Summary(
        _joined(reader.found),
        operations.pop() if len(operations) == 1 else "",
        _unquoted(tables.pop()) if len(tables) == 1 else "",
    )


def _joined(found: list[str]) -> str:
    text = ""
    for part in found:
        longer = f"{text} {part}" if text else part
        if len(longer) > MAX_SUMMARY:
            break
        text = longer
    return text


def _unquoted(name: str) -> str:
    return ".".join(part.strip().strip(QUOTES) for part in name.split("."))


class _Level:
    """What holds between two parentheses: whether FROM names targets, and a comma a further one."""

    __slots__ = ("is_list", "is_reading")

    def __init__(self, *, is_list: bool = False, is_reading: bool = False) -> None:
        self.is_list = is_list
        self.is_reading = is_reading


class _Reader:
    """Reads a masked text once, word by word.

    ``wanted`` is the word that asked for the target that comes next, ``step`` where in a
    statement it is: its ``start``, a ``prefix`` of it, the ``object`` and ``name`` that a
    definition defines, and ``rest``, which is of no interest.
    """

    def __init__(self, masked: str) -> None:
        self.found: list[str] = []
        self.operations: set[str] = set()
        self.tables: set[str] = set()
        self.derived = {match.group(1).upper() for match in _DERIVED.finditer(masked)}
        self.is_routine = False
        self._begin()

    def _begin(self) -> None:
        self.step = "start"
        self.operation = self.wanted = self.last = ""
        self.levels = [_Level()]

    def read(self, masked: str) -> None:
        for token in _TOKEN.finditer(masked):
            name = token["name"]
            if name is None:
                self._mark(token.group())
                continue
            word = name.upper()
            if self.step in _STEPS:
                _STEPS[self.step](self, name, word)
            else:
                is_call = masked.startswith(("(", " ("), token.end())
                self._word(name, word, is_call=is_call)
            if self.is_routine:
                return
            self.last = word

    def _mark(self, mark: str) -> None:
        level = self.levels[-1]
        if mark == ";":
            self._begin()
        elif mark == "(":
            self.levels.append(_Level(is_list=bool(self.wanted), is_reading=bool(self.wanted)))
        elif mark == "," and self.step == "rest" and self.operation == "DROP":
            self.step = "name"
        elif self.step == "name":
            self.step = "rest"
        else:
            if mark == ")" and len(self.levels) > 1:
                self.levels.pop()
            self.wanted = "," if mark == "," and level.is_list else ""
        self.last = mark

    def start(self, name: str, word: str) -> None:
        if word == "WITH":
            self.step = "prefix"
            return
        self._operate(name, word)
        if word in PREFIXES:
            self.step = "prefix"

    def prefix(self, name: str, word: str) -> None:
        is_inside = len(self.levels) > 1
        if word == "SELECT" or (word in QUERIES and (not is_inside or self.last == "(")):
            self._operate(name, word)
            self.step = "prefix" if is_inside else "body"
        elif is_inside:
            self._word(name, word, is_call=False)

    def object(self, name: str, word: str) -> None:
        if word in OBJECTS:
            self.found.append(name)
            self.wanted = word
            self.step = "name"

    def defined(self, name: str, word: str) -> None:
        if word in FILLERS:
            return
        self.found.append(name)
        if self.wanted == "TABLE":
            self.tables.add(name)
        self.is_routine = self.wanted in ROUTINES
        self.step = "rest"

    def rest(self, _name: str, _word: str) -> None:
        return

    def _operate(self, name: str, word: str) -> None:
        self.found.append(name)
        is_own = self.step == "start" or len(self.levels) == 1
        if is_own and not self.operation:
            self.operation = word
            self.operations.add(word)
        self.wanted = word if word in TARGETED else ""
        self.levels[-1].is_reading = word in READING
        self.levels[-1].is_list = word in {"UPDATE", "TRUNCATE"}
        self.step = "object" if word in DEFINITIONS else "rest" if word in SILENT else "body"

    def _word(self, name: str, word: str, *, is_call: bool) -> None:
        if word == "SELECT" or (word in QUERIES and self.last == "(" and not is_call):
            self._operate(name, word)
        elif word in AFTER_TARGETS:
            self.wanted = ""
            self.levels[-1].is_list = False
        elif self.wanted:
            self._target(name, word, is_call=is_call)
        else:
            self._clause(word, is_call=is_call)

    def _target(self, name: str, word: str, *, is_call: bool) -> None:
        if word in FILLERS or (word == "TABLE" and self.wanted == "TRUNCATE"):
            return
        is_function = is_call and self.wanted in {"FROM", "JOIN", "USING", ","}
        if not is_function and word not in self.derived:
            self.found.append(name)
            if self.wanted not in ROUTINE_CALLS and self.wanted != "USE":
                self.tables.add(name)
        self.wanted = ""

    def _clause(self, word: str, *, is_call: bool) -> None:
        level = self.levels[-1]
        if word == "FROM" and level.is_reading and self.last != "DISTINCT":
            self.wanted = word
            level.is_list = True
        elif word in {"JOIN", "STRAIGHT_JOIN"} and level.is_list:
            self.wanted = "JOIN"
        elif word == "INTO" and level.is_reading:
            self.wanted = word
        elif word == "USING" and self.operation in {"MERGE", "DELETE"} and not is_call:
            self.wanted = word
            level.is_list = True


_STEPS: dict[str, Callable[[_Reader, str, str], None]] = {
    "start": _Reader.start,
    "prefix": _Reader.prefix,
    "object": _Reader.object,
    "name": _Reader.defined,
    "rest": _Reader.rest,
}
