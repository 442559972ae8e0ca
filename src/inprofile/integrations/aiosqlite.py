"""aiosqlite: every call to the connection's thread passes one method."""

from functools import lru_cache
from typing import Any

from inprofile.core.model import Span
from inprofile.integrations._about import About
from inprofile.integrations._lookup import looked_up
from inprofile.integrations._patch import Named, Patch, timed
from inprofile.integrations._sql import describe

STATEMENTS = frozenset(
    {"execute", "executemany", "executescript", "_execute_insert", "_execute_fetchall"}
)
SINGLE = frozenset({"execute", "_execute_insert", "_execute_fetchall"})
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


def _begun(span: Span, fn: Any, *args: Any) -> None:
    if getattr(fn, "__name__", "") in SINGLE:
        looked_up(span, args[0], args[1] if len(args) > 1 else None)


def _settle(span: Span, result: Any, fn: Any) -> None:
    """A fetch adds time to the statement whose rows it gets, and no count.

    Which statement that is, is known for the cursor that ran one last; another's rows are
    called a fetch and no more. A cursor is known by its identity: keeping it would keep the
    connection's file open.
    """
    name, trace = getattr(fn, "__name__", ""), span.trace
    if name in STATEMENTS:
        trace.last_statement = id(result), span
    elif name in FETCHES:
        span.count = 0
        last = trace.last_statement
        if last is not None and last[0] == id(fn.__self__):
            span.name, span.attributes = last[1].name, last[1].attributes


ABOUT = About(
    "aiosqlite",
    ">=0.19",
    "`db`: connect, execute, fetches, commit, rollback",
    "the user's own functions and aggregates",
)

PATCHES = {
    "aiosqlite.core": (
        Patch("Connection._connect", timed("db", lambda: _verb("CONNECT"), leaf=True)),
        Patch(
            "Connection._execute", timed("db", _named, leaf=True, begun=_begun, finished=_settle)
        ),
    ),
}
