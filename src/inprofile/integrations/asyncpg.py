"""asyncpg: statements, prepared ones, cursors, transactions, copies and its pool."""

from functools import wraps
from typing import Any

from inprofile.core.model import Span
from inprofile.core.pools import Size, pools
from inprofile.integrations._about import About
from inprofile.integrations._lookup import looked_up
from inprofile.integrations._one_by_one import instead_numbered
from inprofile.integrations._patch import Named, Patch, fetching, timed
from inprofile.integrations._pool import Lender, borrowing
from inprofile.integrations._signature import Function
from inprofile.integrations._sql import describe

SYSTEM = "postgresql"
CONNECT, COPY = describe(SYSTEM, "CONNECT"), describe(SYSTEM, "COPY")

OWN_NAME, OWN_LENGTH = "__asyncpg_", 60
"""What asyncpg calls savepoints is counted on for ever: shown without, they are all the same."""


def _executed(query: Any) -> Named:
    """Names execute, by which transactions begin and end too."""
    if type(query) is str and len(query) < OWN_LENGTH and OWN_NAME in query:
        query = query.partition(OWN_NAME)[0]
    return _query(query)


def _query(query: Any) -> Named:
    return describe(SYSTEM, query if issubclass(type(query), str) else "")


def _command(command: Any) -> Named:
    """Names executemany."""
    return _query(command)


def _own_query(self: Any) -> Named:
    """Names what a prepared statement or a cursor runs."""
    return _query(self._query)


def _begun(span: Span, query: Any, *args: Any) -> None:
    looked_up(span, query, args, None, instead_numbered)


def _begun_own(span: Span, self: Any, executor: Any) -> None:
    """Sees what a prepared statement runs: its arguments are in what hands them on."""
    code = executor.__code__
    if "bind_execute" in code.co_names and "args" in code.co_freevars:
        args = executor.__closure__[code.co_freevars.index("args")].cell_contents
        looked_up(span, self._query, args, None, instead_numbered)


def _begun_cursor(span: Span, self: Any) -> None:
    looked_up(span, self._query, self._args, None, instead_numbered)


def _remember(span: Span, _result: Any, self: Any) -> None:
    """What this cursor fetches belongs to this statement; its portal has a name of its own."""
    span.trace.last_statement = self._portal_name, span


def _portal(self: Any) -> object:
    return self._portal_name


def _never() -> object:
    """A statement is prepared before it runs: its time is added to what bears its name."""
    return object()


def _copies(table_name: Any, direction: str) -> Named:
    if type(table_name) is not str:
        return COPY
    return describe(SYSTEM, f"COPY {table_name} {direction}")


def _copies_out(table_name: Any) -> Named:
    return _copies(table_name, "TO STDOUT")


def _copies_in(table_name: Any) -> Named:
    return _copies(table_name, "FROM STDIN")


def _copies_query(query: Any) -> Named:
    return _copies(f"({query})" if type(query) is str else None, "TO STDOUT")


def _address(pool: Any) -> str:
    """What a pool is called: asyncpg has no names for pools, so its server and database are."""
    connection = next(holder._con for holder in pool._holders if holder._con is not None)  # noqa: SLF001
    address = connection._addr  # noqa: SLF001
    if isinstance(address, tuple):
        address = ":".join(map(str, address[:2]))
    return f"{address}/{connection._params.database}"  # noqa: SLF001


def _size(queue: Any) -> Size | None:
    """What a pool's queue of holders says: those in it hold connections that nobody uses."""
    holders = list(queue._queue)  # noqa: SLF001
    if holders and (holders[0]._pool._closed or holders[0]._pool._closing):  # noqa: SLF001
        return None
    return Size(sum(holder.is_connected() for holder in holders), queue.maxsize)


def _released(original: Function) -> Function:
    """A connection that is closed goes back as well: both ways end here."""

    @wraps(original)
    def release(self: Any) -> Any:
        pools.returned(self)
        return original(self)

    return release


_borrow = borrowing(
    "acquire",
    Lender(
        # A pool cannot be referred to weakly, nor, in 0.29, can its holders.
        anchor=lambda pool: pool._queue,  # noqa: SLF001
        name=_address,
        look=_size,
        connection=lambda connection: connection._holder,  # noqa: SLF001
    ),
)
_run = timed("db", _query, leaf=True, begun=_begun)
_run_many = timed("db", _query, leaf=True)
_run_own = timed("db", _own_query, leaf=True, begun=_begun_own)
_open = timed("db", _own_query, leaf=True, begun=_begun_cursor, finished=_remember)
_fetch = fetching(_portal, _own_query)

ABOUT = About(
    "asyncpg",
    ">=0.29",
    "`db`: connect, execute, fetches, prepared statements, cursors, transactions, copies;"
    " `db_pool_wait`: acquire; the pool's metrics",
    "`Cursor.forward()`",
)

PATCHES = {
    "asyncpg.connect_utils": (Patch("_connect", timed("db", lambda: CONNECT, leaf=True)),),
    "asyncpg.connection": (
        *(Patch(f"Connection.{method}", _run) for method in ("fetch", "fetchval", "fetchrow")),
        Patch("Connection.fetchmany", _run_many, optional=True),
        Patch("Connection.execute", timed("db", _executed, leaf=True, begun=_begun)),
        Patch("Connection.executemany", timed("db", _command, leaf=True)),
        Patch("Connection._get_statement", fetching(_never, _query)),
        Patch("Connection.copy_from_table", timed("db", _copies_out, leaf=True)),
        Patch("Connection.copy_from_query", timed("db", _copies_query, leaf=True)),
        Patch("Connection.copy_to_table", timed("db", _copies_in, leaf=True)),
        Patch("Connection.copy_records_to_table", timed("db", _copies_in, leaf=True)),
    ),
    "asyncpg.prepared_stmt": (Patch("PreparedStatement._PreparedStatement__do_execute", _run_own),),
    "asyncpg.cursor": (
        Patch("BaseCursor._bind_exec", _open),
        Patch("BaseCursor._bind", _open),
        Patch("BaseCursor._exec", _fetch),
        Patch("BaseCursor._close_portal", _fetch, optional=True),
    ),
    "asyncpg.pool": (
        Patch("Pool._acquire", _borrow),
        Patch("PoolConnectionHolder._release", _released),
    ),
}
