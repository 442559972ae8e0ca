"""aiosqlite: every call to the connection's thread passes one method."""

from functools import lru_cache
from typing import Any

from inprofile.core.model import Span
from inprofile.integrations._patch import Named, Patch, timed
from inprofile.integrations._sql import describe

STATEMENTS = frozenset(
    {"execute", "executemany", "executescript", "_execute_insert", "_execute_fetchall"}
)
FETCHES = frozenset({"fetchone", "fetchmany", "fetchall"})


@lru_cache(8)
def _verb(name: str) -> Named:
    return describe("sqlite", name.upper())


def _named(fn: Any, *args: Any) -> Named | None:
    """Names what is handed to the connection's thread."""
    name = getattr(fn, "__name__", "")
    if name in STATEMENTS:
        return describe("sqlite", args[0])
    if name in FETCHES:
        return "FETCH", _verb("FETCH")[1]
    return _verb(name) if name in {"commit", "rollback"} else None


def _settle(span: Span, _result: Any, self: Any) -> None:
    """A fetch belongs to the statement that this connection ran last: no count of its own."""
    trace, key = span.trace, id(self)
    if span.name != "FETCH":
        trace.last_statement = key, span
    elif trace.last_statement is not None and trace.last_statement[0] == key:
        span.name, span.attributes = (
            trace.last_statement[1].name,
            trace.last_statement[1].attributes,
        )
        span.count = 0


PATCHES = {
    "aiosqlite.core": (
        Patch("Connection._execute", timed("db", _named, leaf=True, finished=_settle)),
    ),
}
