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


def _named(args: tuple[Any, ...], _kwargs: dict[str, Any]) -> Named | None:
    """Names _execute(self, function, *arguments) by the function it hands to the thread."""
    name = getattr(args[1], "__name__", "")
    if name in STATEMENTS:
        return describe("sqlite", args[2])
    if name in FETCHES:
        return "FETCH", _verb("FETCH")[1]
    return _verb(name) if name in {"commit", "rollback"} else None


def _settle(span: Span, args: tuple[Any, ...], _result: Any) -> None:
    """A fetch belongs to the statement that this connection ran last: no count of its own."""
    trace, connection = span.trace, id(args[0])
    if span.name != "FETCH":
        trace.last_statement = connection, span
    elif trace.last_statement is not None and trace.last_statement[0] == connection:
        span.name, span.attributes = trace.last_statement[1].name, trace.last_statement[1].attributes
        span.count = 0


PATCHES = {
    "aiosqlite.core": (
        Patch("Connection._execute", timed("db", _named, leaf=True, finished=_settle)),
    ),
}
