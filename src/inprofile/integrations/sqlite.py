"""sqlite3: statements, fetches and commits.

Its types are written in C and cannot be patched. So ``connect`` makes direct subclasses of
the library's own connection and cursor, with timed methods and no state of their own but the
statement a cursor is at; a ``factory`` of the user's is used as it is, untimed.
"""

import sqlite3
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from inprofile.core.model import Span
from inprofile.integrations._about import About
from inprofile.integrations._lookup import looked_up
from inprofile.integrations._patch import Named, Patch, fetching, timed
from inprofile.integrations._signature import Function
from inprofile.integrations._sql import describe

FACTORY_POSITION = 5
"""connect(database, timeout, detect_types, isolation_level, check_same_thread, factory)."""

COVERED = frozenset(
    {"aiosqlite.core", "django.db.backends.sqlite3.base", "sqlalchemy.engine.default"}
)
"""Callers that have an integration of their own: their connections stay as they are."""


# What is written in C does not say the names of its parameters.


def _statement(*args: Any, **kwargs: Any) -> Named:
    named = describe("sqlite", args[1] if len(args) > 1 else "")
    args[0].inprofile_statement = named
    return named


def _begun(span: Span, *args: Any, **kwargs: Any) -> None:
    _, statement, parameters, *_ = (*args, None, None)
    looked_up(span, statement, parameters)


def _remember(span: Span, _result: Any, *args: Any, **kwargs: Any) -> None:
    span.trace.last_statement = args[0].inprofile_statement, span


def _fetched(*args: Any, **kwargs: Any) -> object:
    return args[0].inprofile_statement


def _named(*args: Any, **kwargs: Any) -> Named:
    named: Named = args[0].inprofile_statement
    return named


def _verb(verb: str) -> Callable[[Function], Function]:
    named = describe("sqlite", verb)
    return timed("db", lambda: named, leaf=True)


def _end(*args: Any, **kwargs: Any) -> Named:
    """Names Connection.__exit__, which is given the error that ends a block."""
    return describe("sqlite", "COMMIT" if args[1] is None else "ROLLBACK")


_execute = timed("db", _statement, leaf=True, begun=_begun, finished=_remember)
_run_many = timed("db", _statement, leaf=True, finished=_remember)
_fetch = fetching(_fetched, _named)


class Cursor(sqlite3.Cursor):
    """The library's cursor, timed."""

    inprofile_statement: Named = describe("sqlite", "")

    execute = _execute(sqlite3.Cursor.execute)
    executemany = _run_many(sqlite3.Cursor.executemany)
    executescript = _run_many(sqlite3.Cursor.executescript)
    fetchone = _fetch(sqlite3.Cursor.fetchone)
    fetchmany = _fetch(sqlite3.Cursor.fetchmany)
    fetchall = _fetch(sqlite3.Cursor.fetchall)


class Connection(sqlite3.Connection):
    """The library's connection, timed."""

    commit = _verb("COMMIT")(sqlite3.Connection.commit)
    rollback = _verb("ROLLBACK")(sqlite3.Connection.rollback)
    __exit__ = timed("db", _end, leaf=True)(sqlite3.Connection.__exit__)

    # With what the C methods do not take, they are called: their error is the library's own.

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """A timed cursor, or what a factory makes."""
        return super().cursor(*args, **kwargs) if args or kwargs else super().cursor(Cursor)

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        """A cursor that has run the statement: what the C method does, timed."""
        return super().execute(*args, **kwargs) if kwargs else self.cursor().execute(*args)

    def executemany(self, *args: Any, **kwargs: Any) -> Any:
        """A cursor that has run the statement for each of the parameters."""
        return super().executemany(*args, **kwargs) if kwargs else self.cursor().executemany(*args)

    def executescript(self, *args: Any, **kwargs: Any) -> Any:
        """A cursor that has run the statements."""
        if kwargs:
            return super().executescript(*args, **kwargs)
        return self.cursor().executescript(*args)


for _timed in (Cursor, Connection):
    _timed.__module__ = "sqlite3"


def _connect(original: Function) -> Function:
    opened = _verb("CONNECT")(original)

    @wraps(original)
    def connect(*args: Any, **kwargs: Any) -> Any:
        if sys._getframe(1).f_globals.get("__name__") in COVERED:  # noqa: SLF001 - once a connection
            return original(*args, **kwargs)
        if "factory" not in kwargs and len(args) <= FACTORY_POSITION:
            kwargs["factory"] = Connection
        return opened(*args, **kwargs)

    return connect


ABOUT = About(
    "sqlite3",
    "stdlib",
    "`db`: connect, execute, fetches, commit, rollback",
    "rows fetched by iterating over a cursor; connections of a `factory` of the user's",
)

PATCHES = {
    "sqlite3": (Patch("connect", _connect),),
    "sqlite3.dbapi2": (Patch("connect", _connect),),
}
