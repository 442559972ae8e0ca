"""aiomysql: statements, fetches, commits, connecting and the pool."""

from inprofile.integrations._about import About
from inprofile.integrations._mysql import CURSORS, TRANSACTIONS, verb
from inprofile.integrations._patch import Patch, timed

ABOUT = About(
    "aiomysql",
    ">=0.2,<1",
    "`db`: connect, execute, executemany, callproc, fetches, further result sets, begin, commit,"
    " rollback, switching autocommit; `db_pool_wait`: acquire",
    "ping; `Connection.query`",
)

PATCHES = {
    "aiomysql.cursors": CURSORS,
    "aiomysql.connection": (Patch("Connection._connect", verb("CONNECT")), *TRANSACTIONS),
    "aiomysql.pool": (Patch("Pool._acquire", timed("db_pool_wait", "checkout", leaf=True)),),
}
