"""PyMySQL: statements, fetches, commits and connecting; also in MySQLdb's place."""

from inprofile.integrations._about import About
from inprofile.integrations._mysql import CURSORS, REST, TRANSACTIONS, verb
from inprofile.integrations._patch import Patch

ABOUT = About(
    "PyMySQL",
    ">=1.1,<2",
    "`db`: connect, execute, executemany, callproc, fetches, further result sets, begin, commit,"
    " rollback, switching autocommit",
    "ping; `Connection.query`",
)

PATCHES = {
    "pymysql.cursors": (*CURSORS, Patch("SSCursor.nextset", REST)),
    "pymysql.connections": (Patch("Connection.connect", verb("CONNECT")), *TRANSACTIONS),
}
