"""psycopg2: statements, fetches, copies, commits and rollbacks.

Its types are written in C and cannot be patched. So ``connect`` makes direct subclasses of the
library's own connection and cursor, with timed methods and no state of their own. The cursors of
``psycopg2.extras`` are written in Python and timed in place; factories of the user's are used as
they are.
"""

from functools import lru_cache, wraps
from typing import Any
from weakref import WeakKeyDictionary

from inprofile.core.model import Span
from inprofile.integrations._about import About
from inprofile.integrations._composed import literals, text_of
from inprofile.integrations._lookup import looked_up
from inprofile.integrations._patch import Named, Patch, fetching, timed
from inprofile.integrations._signature import Function
from inprofile.integrations._sql import describe

SYSTEM = "postgresql"
IN_TRANSACTION = 2
"""psycopg2.extensions.STATUS_IN_TRANSACTION: otherwise there is nothing to end."""

FACTORY_POSITION = 1
"""connection.cursor(name, cursor_factory, ...) and connect(dsn, connection_factory, ...)."""

CONTRIB = "opentelemetry.instrumentation.psycopg2"
"""Whose cursors are no choice of the user's: they go on top of ours."""

CONNECT, COMMIT, ROLLBACK, FETCH, CALL, COPY = (
    describe(SYSTEM, verb) for verb in ("CONNECT", "COMMIT", "ROLLBACK", "FETCH", "CALL", "COPY")
)


def _statement(query: Any) -> Named:
    return describe(SYSTEM, query if type(query) is str else text_of(query))


def _procedure(procname: Any) -> Named:
    return describe(SYSTEM, f"CALL {procname}") if type(procname) is str else CALL


def _remember(span: Span, _result: Any, self: Any) -> None:
    """The fetches that follow are known by the query that the cursor was at."""
    span.trace.last_statement = self.query, span


def _begun(span: Span, query: Any, vars: Any) -> None:  # noqa: A002 - psycopg2's name for it
    if type(query) is not str and type(query) is not bytes:
        vars = literals(query) if vars is None else vars  # noqa: A001
        query = text_of(query)
    looked_up(span, query, vars)


_execute = timed("db", _statement, leaf=True, begun=_begun, finished=_remember)
_execute_many = timed("db", _statement, leaf=True, finished=_remember)
_call = timed("db", _procedure, leaf=True, finished=_remember)
_fetch = fetching(lambda self: self.query, lambda: FETCH)

# What is written in C does not say the names of its parameters.


def _first(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return args[1] if len(args) > 1 else kwargs.get(name)


def _statement_in_c(*args: Any, **kwargs: Any) -> Named:
    return _statement(_first("query", args, kwargs))


def _copied_in_c(*args: Any, **kwargs: Any) -> Named:
    """Names copy_expert."""
    return _statement(_first("sql", args, kwargs))


def _copied(direction: str) -> Any:
    def named(*args: Any, **kwargs: Any) -> Named:
        table = args[2] if len(args) > 2 else kwargs.get("table")  # noqa: PLR2004 - self, file, table
        return describe(SYSTEM, f"COPY {table} {direction}") if type(table) is str else COPY

    return timed("db", named, leaf=True)


def _procedure_in_c(*args: Any, **kwargs: Any) -> Named:
    return _procedure(_first("procname", args, kwargs))


def _remember_in_c(span: Span, _result: Any, *args: Any, **kwargs: Any) -> None:
    _remember(span, _result, args[0])


def _query_in_c(*args: Any, **kwargs: Any) -> object:
    return args[0].query


def _commits_in_c(*args: Any, **kwargs: Any) -> Named | None:
    return COMMIT if args[0].status == IN_TRANSACTION else None


def _rolls_back_in_c(*args: Any, **kwargs: Any) -> Named | None:
    return ROLLBACK if args[0].status == IN_TRANSACTION else None


def _begun_in_c(span: Span, *args: Any, **kwargs: Any) -> None:
    query = _first("query", args, kwargs)
    values = args[2] if len(args) > 2 else kwargs.get("vars")  # noqa: PLR2004 - self, query, vars
    if type(query) is not str and type(query) is not bytes:
        values = literals(query) if values is None else values
        query = text_of(query)
    looked_up(span, query, values)


_execute_in_c = timed("db", _statement_in_c, leaf=True, begun=_begun_in_c, finished=_remember_in_c)
_execute_many_in_c = timed("db", _statement_in_c, leaf=True, finished=_remember_in_c)
_call_in_c = timed("db", _procedure_in_c, leaf=True, finished=_remember_in_c)
_copy_in_c = timed("db", _copied_in_c, leaf=True)
_copy_from = _copied("FROM STDIN")
_copy_to = _copied("TO STDOUT")
_fetch_in_c = fetching(_query_in_c, lambda: FETCH)


@lru_cache(1)
def _connection() -> type:
    """The library's connection, timed, whose cursors are timed too."""
    from psycopg2 import extensions

    plain: Any = extensions.cursor
    methods = {
        "execute": _execute_in_c(plain.execute),
        "executemany": _execute_many_in_c(plain.executemany),
        "callproc": _call_in_c(plain.callproc),
        "copy_expert": _copy_in_c(plain.copy_expert),
        "copy_from": _copy_from(plain.copy_from),
        "copy_to": _copy_to(plain.copy_to),
        "fetchone": _fetch_in_c(plain.fetchone),
        "fetchmany": _fetch_in_c(plain.fetchmany),
        "fetchall": _fetch_in_c(plain.fetchall),
        "__next__": _fetch(plain.__next__),
    }
    timed_cursor = _subclass(plain, methods)

    @wraps(extensions.connection.cursor)
    def cursor(self: Any, *args: Any, **kwargs: Any) -> Any:
        placed = len(args) > FACTORY_POSITION
        factory = args[FACTORY_POSITION] if placed else kwargs.get("cursor_factory")
        if factory is None:
            factory = self.cursor_factory
        if factory is None or factory is plain:
            ours = timed_cursor
        elif getattr(factory, "__module__", None) == CONTRIB:
            ours = _on_top(factory, timed_cursor)
        else:
            return extensions.connection.cursor(self, *args, **kwargs)
        if placed:
            args = (args[0], ours, *args[FACTORY_POSITION + 1 :])
        else:
            kwargs["cursor_factory"] = ours
        return extensions.connection.cursor(self, *args, **kwargs)

    ends = {
        "commit": timed("db", _commits_in_c, leaf=True)(extensions.connection.commit),
        "rollback": timed("db", _rolls_back_in_c, leaf=True)(extensions.connection.rollback),
    }
    return _subclass(extensions.connection, {"cursor": cursor, **ends})


_tops: WeakKeyDictionary[type, type] = WeakKeyDictionary()


def _on_top(factory: type, timed_cursor: type) -> type:
    """The class ``factory`` with ours in the place of the library's own, below it."""
    found = _tops.get(factory)
    if found is None:
        found = factory
        if factory.__bases__ == timed_cursor.__bases__:
            about = {"__module__": factory.__module__, "__doc__": factory.__doc__}
            found = type(factory.__name__, (factory, timed_cursor), about)
        _tops[factory] = found
    return found


def _subclass(plain: type, methods: dict[str, Any]) -> type:
    """A class that looks like ``plain`` and has no more room for attributes than it."""
    about = {"__slots__": (), "__module__": plain.__module__, "__doc__": plain.__doc__}
    return type(plain.__name__, (plain,), {**about, **methods})


def _connect(original: Function) -> Function:
    opened = timed("db", lambda: CONNECT, leaf=True)(original)

    @wraps(original)
    def connect(*args: Any, **kwargs: Any) -> Any:
        if len(args) > FACTORY_POSITION:
            if args[FACTORY_POSITION] is None:
                args = (args[0], _connection(), *args[FACTORY_POSITION + 1 :])
        elif kwargs.get("connection_factory") is None:
            kwargs["connection_factory"] = _connection()
        return opened(*args, **kwargs)

    return connect


ABOUT = About(
    "psycopg2",
    ">=2.9.9",
    "`db`: connect, execute, fetches, copies, commit, rollback; the cursors of `psycopg2.extras`",
    "connections and cursors of a factory of the user's; two-phase commit; large objects",
)

PATCHES = {
    "psycopg2": (Patch("connect", _connect),),
    "psycopg2.extras": (
        Patch("DictCursorBase.executemany", _execute_many_in_c),
        Patch("DictCursorBase.fetchone", _fetch),
        Patch("DictCursorBase.fetchmany", _fetch),
        Patch("DictCursorBase.fetchall", _fetch),
        Patch("DictCursor.execute", _execute),
        Patch("DictCursor.callproc", _call),
        Patch("RealDictCursor.execute", _execute),
        Patch("RealDictCursor.callproc", _call),
        Patch("NamedTupleCursor.execute", _execute),
        Patch("NamedTupleCursor.executemany", _execute_many),
        Patch("NamedTupleCursor.callproc", _call),
        Patch("NamedTupleCursor.fetchone", _fetch),
        Patch("NamedTupleCursor.fetchmany", _fetch),
        Patch("NamedTupleCursor.fetchall", _fetch),
        Patch("LoggingCursor.execute", _execute),
        Patch("LoggingCursor.executemany", _execute_many_in_c),
        Patch("LoggingCursor.callproc", _call),
        Patch("LoggingCursor.fetchone", _fetch_in_c),
        Patch("LoggingCursor.fetchmany", _fetch_in_c),
        Patch("LoggingCursor.fetchall", _fetch_in_c),
    ),
}
