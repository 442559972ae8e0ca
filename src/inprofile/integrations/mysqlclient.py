"""mysqlclient (MySQLdb): statements, fetches, commits and connecting.

Its connection is written in C below a Python class, in which the C methods are timed. Where
PyMySQL stands in MySQLdb's place, these are modules of PyMySQL's without the classes here.
"""

from functools import partial
from typing import Any

from inprofile.integrations._about import About
from inprofile.integrations._mysql import CALL, EXECUTE, EXECUTE_MANY, FETCH, executed, fetch, verb
from inprofile.integrations._patch import Named, Patch, fetching, timed
from inprofile.integrations._sql import describe

_AUTOCOMMIT = describe("mysql", "SET AUTOCOMMIT")


def _autocommit(self: Any, on: Any) -> Named | None:
    """The server is told only what it does not know."""
    return None if on is self.get_autocommit() else _AUTOCOMMIT


def _unread(self: Any) -> Named | None:
    """What closing a cursor reads to its end: the rows of one that streams."""
    return None if self._result is None else fetch()


_optional = partial(Patch, optional=True)
_rest = fetching(executed, _unread)

ABOUT = About(
    "mysqlclient",
    ">=2.1.1,<3",
    "`db`: connect, execute, executemany, callproc, fetches, further result sets, begin, commit,"
    " rollback, switching autocommit",
    "ping; `Connection.query`",
)

PATCHES = {
    "MySQLdb.cursors": (
        _optional("BaseCursor.execute", EXECUTE),
        _optional("BaseCursor.executemany", EXECUTE_MANY),
        _optional("BaseCursor.callproc", CALL),
        _optional("BaseCursor.nextset", FETCH),
        _optional("BaseCursor.close", _rest),
        _optional("CursorStoreResultMixIn.fetchone", FETCH),
        _optional("CursorStoreResultMixIn.fetchmany", FETCH),
        _optional("CursorStoreResultMixIn.fetchall", FETCH),
        _optional("CursorUseResultMixIn.fetchone", FETCH),
        _optional("CursorUseResultMixIn.fetchmany", FETCH),
        _optional("CursorUseResultMixIn.fetchall", FETCH),
    ),
    "MySQLdb.connections": (
        Patch("Connection.__init__", verb("CONNECT")),
        Patch("Connection.begin", verb("BEGIN")),
        Patch("Connection.commit", verb("COMMIT")),
        Patch("Connection.rollback", verb("ROLLBACK")),
        Patch("Connection.autocommit", timed("db", _autocommit, leaf=True)),
    ),
}
