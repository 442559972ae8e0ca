"""psycopg_pool: how long a connection is waited for, and how the pool is used."""

from typing import Any

from inprofile.core.pools import Size
from inprofile.integrations._about import About
from inprofile.integrations._patch import Patch
from inprofile.integrations._pool import Lender, borrowing, returning


def _size(pool: Any) -> Size | None:
    if pool.closed:
        return None
    return Size(pool.get_stats()["pool_available"], pool.max_size or None)


_borrow = borrowing("getconn", Lender(name=lambda pool: str(pool.name), look=_size))

ABOUT = About(
    "psycopg_pool",
    ">=3.2",
    "`db_pool_wait`: `connection()` and `getconn()`; the pool's metrics",
    "opening connections, which the pool does in threads and tasks of its own",
)

PATCHES = {
    "psycopg_pool": (
        Patch("ConnectionPool.getconn", _borrow),
        Patch("ConnectionPool.putconn", returning),
        Patch("AsyncConnectionPool.getconn", _borrow),
        Patch("AsyncConnectionPool.putconn", returning),
    ),
}
