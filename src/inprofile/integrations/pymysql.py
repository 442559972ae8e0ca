"""PyMySQL: statements, fetches, commits and connecting; also in MySQLdb's place."""

from inprofile.integrations._about import About
from inprofile.integrations._mysql import CALL, EXECUTE, FETCH, REST, verb
from inprofile.integrations._patch import Patch

ABOUT = About(
    "PyMySQL",
    ">=1.1,<2",
    "`db`: connect, execute, executemany, callproc, fetches, further result sets, begin, commit,"
    " rollback, switching autocommit",
    "ping; `Connection.query`",
)

PATCHES = {
    "pymysql.cursors": (
        Patch("Cursor.execute", EXECUTE),
        Patch("Cursor.executemany", EXECUTE),
        Patch("Cursor.callproc", CALL),
        Patch("Cursor.nextset", REST),
        Patch("Cursor.fetchone", FETCH),
        Patch("Cursor.fetchmany", FETCH),
        Patch("Cursor.fetchall", FETCH),
        Patch("SSCursor.nextset", REST),
        Patch("SSCursor.fetchone", FETCH),
        Patch("SSCursor.fetchmany", FETCH),
        Patch("SSCursor.fetchall", FETCH),
        Patch("SSCursor.close", REST),
    ),
    "pymysql.connections": (
        Patch("Connection.connect", verb("CONNECT")),
        Patch("Connection.begin", verb("BEGIN")),
        Patch("Connection.commit", verb("COMMIT")),
        Patch("Connection.rollback", verb("ROLLBACK")),
        Patch("Connection._send_autocommit_mode", verb("SET AUTOCOMMIT")),
    ),
}
