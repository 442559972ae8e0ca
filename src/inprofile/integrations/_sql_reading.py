"""What of a statement goes on from run to run: its lists, its place among pages."""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import count
from typing import NamedTuple

from inprofile.integrations._sql_tokens import UNENDED, lexis

CACHED = 2048
"""Statements remembered by text."""

SETUP = frozenset(
    (  # noqa: SIM905 - a list would take a line a word
        "BEGIN START COMMIT END ABORT ROLLBACK SAVEPOINT RELEASE SET RESET PRAGMA SHOW USE COPY"
        " FETCH CLOSE DECLARE LISTEN UNLISTEN NOTIFY EXPLAIN ANALYZE VACUUM REINDEX OPTIMIZE LOCK"
        " UNLOCK DISCARD DEALLOCATE PREPARE CREATE ALTER DROP TRUNCATE RENAME COMMENT GRANT REVOKE"
        " ATTACH DETACH CONNECT MOVE KILL CHECKPOINT CLUSTER REFRESH DESCRIBE DESC LOAD FLUSH DO"
    ).split()
)
"""Statements that are about the connection and the schema, not about elements."""

SESSION = frozenset(
    {"SET_CONFIG", "PG_ADVISORY_UNLOCK_ALL", "PG_SLEEP", "SLEEP", "RELEASE_LOCK", "GET_LOCK"}
)
"""Functions that are about the session."""

QUERIES = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "VALUES"})

SPREADING = frozenset(
    {"UNNEST", "JSON_EACH", "JSON_TABLE", "OPENJSON", "STRING_SPLIT", "FIND_IN_SET"}
    | {f"{kind}_ARRAY_ELEMENTS{text}" for kind in ("JSON", "JSONB") for text in ("", "_TEXT")}
    | {f"{kind}_TO_RECORDSET" for kind in ("JSON", "JSONB")}
)
"""Functions that make rows of one parameter."""

COMPARED = frozenset({"<", ">", "<=", ">="})

_MARK = re.compile(r"[-#]>>?|@>|<@|&&|[<>!]=|<>|::|\|\||\S")

Reference = int | str
"""Where a value stands among the parameters, by position or name; a literal as it is written,
behind a quote."""


class Reading(NamedTuple):
    """``serves_many`` by its text alone, whatever its parameters.

    ``lists`` are the values of its lists of more than one, ``arrays`` those that are lists
    themselves, perhaps of one. ``limit`` is how many rows are asked for, ``cursors`` the values
    that say from where on; both only where a page is. ``has_more`` says whether rows are chosen
    by another value as well, and ``others`` are those of a page that begins behind a row.
    """

    serves_many: bool = False
    lists: tuple[Reference, ...] = ()
    arrays: tuple[Reference, ...] = ()
    limit: Reference | None = None
    cursors: tuple[Reference, ...] = ()
    has_more: bool = False
    others: tuple[Reference, ...] = ()


PLAIN = Reading()
MANY = Reading(serves_many=True)

Symbol = tuple[str, Reference | None]
"""A word in capitals, a mark, ``?`` with a reference to a value, or a name."""


@lru_cache(CACHED)
def read(text: str, system: str) -> Reading:
    """Read a statement. PLAIN is what runs for its parameters and is neither a batch nor a page."""
    symbols = list(_symbols(text, system))
    verb = _verb(symbols)
    if not verb or verb in SETUP or _is_script(symbols) or _rows(symbols) > 1:
        return MANY
    reader = _Reader(symbols)
    reader.run()
    return reader.reading()


def _is_script(symbols: list[Symbol]) -> bool:
    """Whether there are several statements, or one that is about the session alone."""
    words = [word for word, _ in symbols]
    while words and words[-1] == ";":
        words.pop()
    return ";" in words or (len(words) > 1 and words[0] == "SELECT" and words[1] in SESSION)


def _verb(symbols: list[Symbol]) -> str:
    """What the statement does: behind WITH, what stands behind its queries."""
    words = (word for word, _ in symbols if word not in {"(", ";"})
    verb = next(words, "")
    if verb != "WITH":
        return verb
    depth = 0
    for word, _ in symbols:
        depth += (word == "(") - (word == ")")
        if not depth and word in QUERIES:
            return word
    return verb


def _symbols(text: str, system: str) -> Iterator[Symbol]:
    """The statement without comments and strings, its parameters numbered as they come."""
    number = count()
    last = 0
    for kind, start, end in lexis(system).tokens(text):
        between, last, value = text[last:start], end, text[start:end]
        yield from _marks(between, number)
        if kind in UNENDED:
            return
        if between.endswith("%") and value == "s":
            yield "?", next(number)
        elif kind != "comment" and not (between.endswith(":") and value.startswith(":")):
            yield _symbol(kind, value)
    yield from _marks(text[last:], number)


def _marks(between: str, number: Iterator[int]) -> Iterator[Symbol]:
    for mark in _MARK.findall(between):
        if mark == "?":
            yield "?", next(number)
        elif mark != "%":
            yield mark, None


def _symbol(kind: str, value: str) -> Symbol:
    if kind == "name" and value[0] in "$:@%?" and len(value) > 1:
        return "?", _reference(value)
    if kind in {"word", "name"}:
        return value.upper(), None
    if kind in {"quoted", "backtick"}:
        return value.lower() + "'", None  # no word of the language
    return "?", "'" + value


def _reference(value: str) -> Reference:
    if value[0] in "$?" and value[1:].isdecimal():
        return int(value[1:]) - 1
    return value[2:-2] if value.startswith("%(") else value[1:]


def _rows(symbols: list[Symbol]) -> int:
    """The most rows that any VALUES of the statement has."""
    most = 0
    for i, (word, _) in enumerate(symbols):
        if word in {"VALUES", "VALUE"} and i + 1 < len(symbols) and symbols[i + 1][0] in "(ROW":
            rows, depth = 0, 0
            for mark, _ in symbols[i + 1 :]:
                if not depth and mark not in {"(", ",", "ROW"}:
                    break
                rows += not depth and mark == "("
                depth += (mark == "(") - (mark == ")")
            most = max(most, rows)
    return most


class _Reader:
    """Goes through the symbols once."""

    def __init__(self, symbols: list[Symbol]) -> None:
        self.symbols = symbols
        self.lists: list[Reference] = []
        self.arrays: list[Reference] = []
        self.cursors: list[Reference] = []
        self.compared: list[Reference] = []
        self.compared_names: set[str] = set()
        self.others: list[Reference] = []
        self.equals: list[tuple[int, str, Reference]] = []
        self.limit: Reference | None = None
        self.is_offset = self.is_ordered = self.has_more = False
        self.spreads = False

    def run(self) -> None:
        i = 0
        while i < len(self.symbols):
            word = self.symbols[i][0]
            step = getattr(self, _STEPS.get(word, ""), None)
            i = step(i) if step is not None else i + 1

    def reading(self) -> Reading:
        """What was read."""
        self._choose()
        is_list = bool(self.lists or self.arrays)
        is_page = self.limit is not None and (
            self.is_offset or (self.is_ordered and bool(self.compared))
        )
        if self.spreads and not self.arrays:
            return MANY
        if not (is_list or is_page):
            return PLAIN
        return Reading(
            lists=tuple(self.lists),
            arrays=tuple(self.arrays),
            limit=self.limit if is_page else None,
            cursors=(*self.cursors, *self.compared) if is_page else (),
            has_more=self.has_more,
            others=tuple(self.others) if is_page and not (self.is_offset or is_list) else (),
        )

    def _at(self, i: int) -> Symbol:
        return self.symbols[i] if 0 <= i < len(self.symbols) else ("", None)

    def _value(self, i: int) -> Reference | None:
        return self._at(i)[1]

    def _within(self, i: int) -> tuple[int, list[Reference], int, bool]:
        """What the parenthesis at ``i`` holds: its end, values, commas, and whether a query."""
        depth = commas = 0
        values: list[Reference] = []
        is_query = self._at(i + 1)[0] in {"SELECT", "WITH", "TABLE"}
        for j in range(i, len(self.symbols)):
            word, value = self.symbols[j]
            depth += (word in {"(", "["}) - (word in {")", "]"})
            if value is not None:
                values.append(value)
            commas += word == "," and depth == 1
            if not depth:
                return j + 1, values, commas, is_query
        return len(self.symbols), values, commas, is_query

    def among(self, i: int) -> int:
        """IN (...): a list, of more than one or not."""
        if self._at(i - 1)[0] == "NOT":
            return i + 1
        value = self._value(i + 1)
        if value is not None:  # IN %s: the driver makes the list
            self.arrays.append(value)
            return i + 2
        if self._at(i + 1)[0] != "(":
            return i + 1
        end, values, commas, is_query = self._within(i + 1)
        if is_query or self._at(i + 2)[0] in SPREADING:
            return i + 2
        if commas:
            self.lists += values
        else:
            self.has_more = self.has_more or bool(values)
        return end

    def any(self, i: int) -> int:
        """= ANY(...): of a list that is a parameter, or written as an array."""
        if self._at(i + 1)[0] != "(":
            return i + 1
        end, values, _, is_query = self._within(i + 1)
        if is_query or not values:
            return i + 2
        if self._at(i + 2)[0] == "ARRAY":
            (self.lists if len(values) > 1 else self.arrays).extend(values)
            self.has_more = self.has_more or len(values) == 1
        else:
            self.arrays += values
        return end

    def spread(self, i: int) -> int:
        """UNNEST(...) and the like make rows of their parameters."""
        if self._at(i + 1)[0] != "(":
            return i + 1
        end, values, _, _ = self._within(i + 1)
        self.spreads = True
        self.arrays += values if self._at(i)[0] == "UNNEST" else []
        return end

    def equal(self, i: int) -> int:
        """= ?: rows are chosen by a value."""
        value, name = self._value(i + 1), self._name(i - 1)
        if value is None:
            value, name = self._value(i - 1), self._name(i + 1)
        if value is not None:
            self.equals.append((i, name, value))
        return i + 1

    def _name(self, i: int) -> str:
        """The name that ends at ``i``, with the table's in front of it."""
        name = self._at(i)[0]
        return f"{self._at(i - 2)[0]}.{name}" if self._at(i - 1)[0] == "." else name

    def _choose(self) -> None:
        """Tell ``id = ? OR id = ?``, which is a list, from values that each row has to have."""
        for n, (i, name, value) in enumerate(self.equals):
            others = [
                at for m, (at, other, _) in enumerate(self.equals) if m != n and other == name
            ]
            if any(self._is_or_between(*sorted((i, at))) for at in others):
                self.lists.append(value)
            elif name not in self.compared_names:  # a > ? OR (a = ? AND b > ?) is one place
                self.has_more = True
                self.others.append(value)

    def _is_or_between(self, first: int, last: int) -> bool:
        words = {word for word, _ in self.symbols[first:last]}
        return "OR" in words and "SELECT" not in words

    def compare(self, i: int) -> int:
        """<, >: where a page begins, if there is one."""
        if (value := self._value(i + 1)) is not None:
            self.compared.append(value)
            self.compared_names.add(self._name(i - 1))
        elif self._at(i + 1)[0] in {"(", "ROW"}:
            _, values, _, is_query = self._within(i + 1 + (self._at(i + 1)[0] == "ROW"))
            self.compared += [] if is_query else values
        return i + 1

    def limited(self, i: int) -> int:
        """LIMIT 10; LIMIT 20, 10; FETCH NEXT 10 ROWS; TOP (10)."""
        j = i + 1
        while self._at(j)[0] in {"FIRST", "NEXT", "("}:
            j += 1
        value = self._value(j)
        if value is None:
            return i + 1
        if self._at(j + 1)[0] == "," and self._value(j + 2) is not None:
            self.is_offset = True
            self.cursors.append(value)
            value = self._value(j + 2)
            j += 2
        self.limit = value
        return j + 1

    def offset(self, i: int) -> int:
        """OFFSET 20."""
        if (value := self._value(i + 1)) is not None:
            self.is_offset = True
            self.cursors.append(value)
        return i + 1

    def order(self, i: int) -> int:
        """ORDER BY."""
        self.is_ordered = True
        return i + 1


_STEPS = {
    "IN": "among",
    "ANY": "any",
    "SOME": "any",
    "=": "equal",
    "LIMIT": "limited",
    "FETCH": "limited",
    "TOP": "limited",
    "OFFSET": "offset",
    "ORDER": "order",
    **dict.fromkeys(SPREADING, "spread"),
    **dict.fromkeys(COMPARED, "compare"),
}
