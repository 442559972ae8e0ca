"""What the three MySQL drivers say of a call: their cursors have the same methods and parameters.

A cursor's ``_executed``, the text that it sent last, is the key by which a fetch finds its
statement: most often an object of that execution alone, and else of statements with one name.
No cursor is kept alive or written to for it. The system is always called mysql: whether the
server is a MariaDB is not asked for.
"""

from typing import Any

from inprofile.core.model import Span
from inprofile.integrations._lookup import looked_up
from inprofile.integrations._patch import Named, Patch, Wrap, fetching, timed
from inprofile.integrations._sql import describe

TEXT = (str, bytes, bytearray)
"""What the drivers take for a statement; they refuse the rest, which is not looked at."""

_FETCHED = describe("mysql", "FETCH")


def _statement(query: Any) -> Named:
    return describe("mysql", query if issubclass(type(query), TEXT) else "")


def _procedure(procname: Any) -> Named:
    if type(procname) is bytes:
        procname = procname.decode("utf-8", "replace")
    return describe("mysql", f"CALL {procname}" if type(procname) is str else "CALL")


def _begun(span: Span, query: Any, args: Any) -> None:
    looked_up(span, query, args)


def _remember(span: Span, _result: Any, self: Any) -> None:
    """The fetches that follow belong to this statement."""
    span.trace.last_statement = self._executed, span


def executed(self: Any) -> object:
    """The key of the statement whose rows a cursor gets."""
    return self._executed


def fetch() -> Named:
    """Names the time of a fetch whose statement is not the last one of its trace."""
    return _FETCHED


def unread(self: Any) -> Named | None:
    """Names what reads the rest of a result, if there is one."""
    result = self._result
    if result is None or not (result.has_next or result.unbuffered_active):
        return None
    return fetch()


def verb(text: str) -> Wrap:
    """A wrapper for a method of a connection that is one statement."""
    named = describe("mysql", text)
    return timed("db", lambda: named, leaf=True)


EXECUTE = timed("db", _statement, leaf=True, begun=_begun, finished=_remember)
EXECUTE_MANY = timed("db", _statement, leaf=True, finished=_remember)
CALL = timed("db", _procedure, leaf=True, finished=_remember)
FETCH = fetching(executed, fetch)
REST = fetching(executed, unread)

CURSORS = (
    Patch("Cursor.execute", EXECUTE),
    Patch("Cursor.executemany", EXECUTE_MANY),
    Patch("Cursor.callproc", CALL),
    Patch("Cursor.nextset", REST),
    Patch("Cursor.fetchone", FETCH),
    Patch("Cursor.fetchmany", FETCH),
    Patch("Cursor.fetchall", FETCH),
    Patch("SSCursor.fetchone", FETCH),
    Patch("SSCursor.fetchmany", FETCH),
    Patch("SSCursor.fetchall", FETCH),
    Patch("SSCursor.close", REST),
)
"""Of PyMySQL and of aiomysql, which goes by it."""

TRANSACTIONS = (
    Patch("Connection.begin", verb("BEGIN")),
    Patch("Connection.commit", verb("COMMIT")),
    Patch("Connection.rollback", verb("ROLLBACK")),
    Patch("Connection._send_autocommit_mode", verb("SET AUTOCOMMIT")),
)
