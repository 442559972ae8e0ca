"""SQLAlchemy 2.0 and 2.1: statements, fetches, commits, the pool and building objects."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial, wraps
from typing import Any

from inprofile.core.guard import guard
from inprofile.core.model import Span
from inprofile.core.pools import Size
from inprofile.core.recorder import recording
from inprofile.integrations._about import About
from inprofile.integrations._lookup import looked_up
from inprofile.integrations._patch import Named, Patch, fetching, folded, timed
from inprofile.integrations._pool import Lender, borrowing, returning
from inprofile.integrations._signature import Function
from inprofile.integrations._sql import describe
from inprofile.integrations._sqlalchemy_eager import (
    cascading,
    flushing,
    loading,
    merging,
    pickling,
    reading,
)
from inprofile.integrations._sqlalchemy_loads import remember
from inprofile.integrations._sqlalchemy_relations import begun

OBJECTS = "objects"


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


def _just_run() -> object:
    """A strategy that buffers gets its first rows right after the statement has run."""
    span = recording()
    last = None if span is None else span.trace.last_statement
    return None if last is None else last[0]


def _result(context: Any) -> Named:
    """Names loading.instances, which prepares an ORM result or builds all its objects at once."""
    return OBJECTS if context.execution_options.get("prebuffer_rows") else "result", None


def _in_chunks(original: Function) -> Function:
    """Other ORM results build their objects when the next chunk of them is asked for."""

    @wraps(original)
    def init(self: Any, cursor_metadata: Any, chunks: Any, *args: Any, **kwargs: Any) -> None:
        span = recording()
        if span is not None:
            with guard:
                remember(span.trace, chunks)
            if span.name != OBJECTS:  # else they are being built already
                chunks = partial(_timed_chunks, chunks)
        original(self, cursor_metadata, chunks, *args, **kwargs)

    return init


def _timed_chunks(chunks: Callable[[int | None], Iterable[Any]], size: int | None) -> Iterator[Any]:
    made = iter(chunks(size))
    while (rows := _next_chunk(made)) is not None:
        yield rows
        if not size:  # that was all of them
            yield from made
            return


@folded("orm", lambda: (OBJECTS, None))
def _next_chunk(made: Iterator[Any]) -> Any:
    return next(made, None)


def _pool(pool: Any) -> Any:
    """Only a pool that lends what others give back is counted as one."""
    return pool if hasattr(pool, "checkedin") else None


def _pool_name(pool: Any) -> str:
    """The name that ``create_engine(pool_logging_name=...)`` gave it, or its driver's."""
    dialect = pool._dialect  # noqa: SLF001
    if pool.logging_name or not hasattr(dialect, "driver"):  # a pool of no engine's
        return str(pool.logging_name or type(pool).__name__)
    return f"{dialect.name}+{dialect.driver}"


def _pool_size(pool: Any) -> Size:
    most = pool._max_overflow  # noqa: SLF001
    return Size(pool.checkedin(), pool.size() + most if most >= 0 else None)


def _run_without(span: Span, statement: Any) -> None:
    """Sees do_execute_no_params."""
    looked_up(span, statement, ())


_execute = timed("db", _statement, leaf=True, begun=begun, finished=_remember)
_execute_plain = timed("db", _statement, leaf=True, begun=_run_without, finished=_remember)
_execute_many = timed("db", _statement, leaf=True, finished=_remember)
_fetch = fetching(_fetched, _named)
_first_fetch = fetching(_just_run, lambda: describe("other_sql", "FETCH"))
_checkout = timed("db_pool_wait", "checkout", leaf=True)
_borrow = borrowing(
    "checkout",
    Lender(
        anchor=_pool,
        name=_pool_name,
        look=_pool_size,
        connection=lambda connection: connection._connection_record,  # noqa: SLF001
    ),
)

ABOUT = About(
    "SQLAlchemy",
    ">=2.0.30,<2.2",
    "`db`: execute, fetches, commit, rollback, connect; `db_pool_wait`: checkout;"
    " `orm`: building objects; the metrics of its `QueuePool`",
    "compiling statements and the unit of work (`handler`)",
)

PATCHES = {
    "sqlalchemy.engine.default": (
        Patch("DefaultDialect.do_execute", _execute),
        Patch("DefaultDialect.do_executemany", _execute_many),
        Patch("DefaultDialect.do_execute_no_params", _execute_plain),
        Patch("DefaultDialect.do_commit", timed("db", _verb("COMMIT"), leaf=True)),
        Patch("DefaultDialect.do_rollback", timed("db", _verb("ROLLBACK"), leaf=True)),
        Patch("DefaultExecutionContext.fetchall_for_returning", _first_fetch),
        Patch("DefaultDialect.connect", timed("db", _verb("CONNECT"), leaf=True)),
    ),
    "sqlalchemy.engine.cursor": (
        Patch("CursorFetchStrategy.fetchone", _fetch),
        Patch("CursorFetchStrategy.fetchmany", _fetch),
        Patch("CursorFetchStrategy.fetchall", _fetch),
        Patch("BufferedRowCursorFetchStrategy.__init__", _first_fetch),
        Patch("BufferedRowCursorFetchStrategy.fetchone", _fetch),
        Patch("BufferedRowCursorFetchStrategy.fetchmany", _fetch),
        Patch("BufferedRowCursorFetchStrategy.fetchall", _fetch),
    ),
    "sqlalchemy.engine.result": (Patch("ChunkedIteratorResult.__init__", _in_chunks),),
    "sqlalchemy.orm.loading": (Patch("instances", folded("orm", _result)),),
    "sqlalchemy.pool.base": (Patch("Pool.connect", _borrow),),
    "sqlalchemy.pool.impl": (
        Patch("SingletonThreadPool.connect", _checkout),
        Patch("QueuePool._do_return_conn", returning),
    ),
    "sqlalchemy.dialects.postgresql.psycopg2": (
        Patch("PGDialect_psycopg2.do_executemany", _execute_many),
    ),
    "sqlalchemy.dialects.mysql.mysqldb": (
        Patch("MySQLDialect_mysqldb.do_executemany", _execute_many),
    ),
}

WATCHING = {
    "sqlalchemy.orm.loading": (Patch("instances", loading),),
    "sqlalchemy.orm.attributes": (Patch("InstrumentedAttribute.__get__", reading),),
    "sqlalchemy.orm.relationships": (
        Patch("RelationshipProperty.merge", merging),
        Patch("RelationshipProperty.cascade_iterator", cascading),
    ),
    "sqlalchemy.orm.unitofwork": (Patch("UOWTransaction.get_attribute_history", flushing),),
    "sqlalchemy.orm.state": (Patch("InstanceState.__getstate__", pickling),),
}
