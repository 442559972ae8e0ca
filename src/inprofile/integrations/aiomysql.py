"""aiomysql: statements, fetches, commits, connecting and the pool."""

from inprofile.integrations._about import About
from inprofile.integrations._mysql import CALL, EXECUTE, FETCH, REST, verb
from inprofile.integrations._patch import Patch, timed

ABOUT = About(
    "aiomysql",
    ">=0.2,<1",
    "`db`: connect, execute, executemany, callproc, fetches, further result sets, begin, commit,"
    " rollback, switching autocommit; `db_pool_wait`: acquire",
    "ping; `Connection.query`",
)

PATCHES = {
    "aiomysql.cursors": (
        Patch("Cursor.execute", EXECUTE),
        Patch("Cursor.executemany", EXECUTE),
        Patch("Cursor.callproc", CALL),
        Patch("Cursor.nextset", REST),
        Patch("Cursor.fetchone", FETCH),
        Patch("Cursor.fetchmany", FETCH),
        Patch("Cursor.fetchall", FETCH),
        Patch("SSCursor.fetchone", FETCH),
        Patch("SSCursor.fetchmany", FETCH),
        Patch("SSCursor.fetchall", FETCH),
        Patch("SSCursor.close", REST),
    ),
    "aiomysql.connection": (
        Patch("Connection._connect", verb("CONNECT")),
        Patch("Connection.begin", verb("BEGIN")),
        Patch("Connection.commit", verb("COMMIT")),
        Patch("Connection.rollback", verb("ROLLBACK")),
        Patch("Connection._send_autocommit_mode", verb("SET AUTOCOMMIT")),
    ),
    "aiomysql.pool": (Patch("Pool._acquire", timed("db_pool_wait", "checkout", leaf=True)),),
}
