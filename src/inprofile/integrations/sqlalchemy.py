"""SQLAlchemy 2.0 and 2.1: statements, fetches, commits, the pool and building objects."""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from inprofile.core.model import Span
from inprofile.core.recorder import recording
from inprofile.integrations._patch import Function, Named, Patch, fetching, timed
from inprofile.integrations._sql import describe


def _statement(self: Any, statement: Any) -> Named:
    """Names do_execute, do_executemany and do_execute_no_params."""
    return describe(self.name, statement)


def _remember(span: Span, _result: Any, statement: Any) -> None:
    """The fetches that follow belong to this statement."""
    span.trace.last_statement = statement, span


def _verb(verb: str) -> Callable[..., Named]:
    return lambda self: describe(self.name, verb)


def _named(result: Any) -> Named:
    context = result.context
    return describe(context.dialect.name, context.statement)


def _fetched(result: Any) -> object:
    return result.context.statement


def _iterate(original: Function) -> Function:
    """ORM results build all their objects at the first step of an iteration."""

    @wraps(original)
    def iterate(self: Any) -> Any:
        rows = original(self)
        if recording() is None:
            return rows
        return _first_timed(rows)

    return iterate


@timed("orm", "objects")
def _step(rows: Iterator[Any]) -> Any:
    return next(rows)


def _first_timed(rows: Iterator[Any]) -> Iterator[Any]:
    try:
        first = _step(rows)
    except StopIteration:
        return
    yield first
    yield from rows


_execute = timed("db", _statement, leaf=True, finished=_remember)
_objects = timed("orm", "objects")
_fetch = fetching(_fetched, _named)

PATCHES = {
    "sqlalchemy.engine.default": (
        Patch("DefaultDialect.do_execute", _execute),
        Patch("DefaultDialect.do_executemany", _execute),
        Patch("DefaultDialect.do_execute_no_params", _execute),
        Patch("DefaultDialect.do_commit", timed("db", _verb("COMMIT"), leaf=True)),
        Patch("DefaultDialect.do_rollback", timed("db", _verb("ROLLBACK"), leaf=True)),
        Patch("DefaultDialect.connect", timed("db", _verb("CONNECT"), leaf=True)),
    ),
    "sqlalchemy.engine.cursor": (
        Patch("CursorFetchStrategy.fetchone", _fetch),
        Patch("CursorFetchStrategy.fetchmany", _fetch),
        Patch("CursorFetchStrategy.fetchall", _fetch),
        Patch("BufferedRowCursorFetchStrategy.fetchone", _fetch),
        Patch("BufferedRowCursorFetchStrategy.fetchmany", _fetch),
        Patch("BufferedRowCursorFetchStrategy.fetchall", _fetch),
    ),
    "sqlalchemy.engine.result": (
        Patch("IteratorResult._fetchall_impl", _objects),
        Patch("IteratorResult._fetchone_impl", _objects),
        Patch("IteratorResult._fetchmany_impl", _objects),
        Patch("IteratorResult._fetchiter_impl", _iterate),
    ),
    "sqlalchemy.pool.base": (Patch("Pool.connect", timed("db_pool_wait", "checkout", leaf=True)),),
    "sqlalchemy.dialects.postgresql.psycopg2": (
        Patch("PGDialect_psycopg2.do_executemany", _execute),
    ),
    "sqlalchemy.dialects.mysql.mysqldb": (Patch("MySQLDialect_mysqldb.do_executemany", _execute),),
}
