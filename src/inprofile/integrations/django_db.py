"""Django's databases: statements, fetches, transactions and opening a connection.

Whatever driver is underneath, a statement counts once: here.
"""

from collections.abc import Callable, Iterator
from functools import partial, wraps
from typing import Any

from inprofile.core.model import Span
from inprofile.core.recorder import current, recording
from inprofile.integrations._about import About
from inprofile.integrations._lookup import looked_up
from inprofile.integrations._patch import Named, Patch, fetching, timed
from inprofile.integrations._signature import Function
from inprofile.integrations._sql import describe
from inprofile.integrations.django_explain import explain
from inprofile.integrations.django_relations import loading

CONTENT_TYPES = "django_content_type"

FETCHES = frozenset({"fetchone", "fetchmany", "fetchall"})


def _statement(self: Any, sql: Any) -> Named:
    return describe(self.db.vendor, sql)


def _procedure(self: Any, procname: Any) -> Named:
    return describe(self.db.vendor, f"CALL {procname}" if type(procname) is str else "CALL")


def _begun(span: Span, sql: Any, params: Any) -> None:
    about = loading.get()
    if about is None or (about[2] and CONTENT_TYPES in str(sql)):  # which a generic load asks first
        looked_up(span, sql, params, None, explain)
        return
    loading.set(None)  # what else is run meanwhile is not the load's
    subject, value, _ = about
    looked_up(span, sql, params, subject, explain, value)


def _remember(span: Span, _result: Any, self: Any) -> None:
    """The fetches that follow belong to this statement.

    A cursor is known by its identity: keeping it would keep what the database locks for it.
    """
    span.trace.last_statement = id(self.cursor), span


def _fetched(self: Any) -> object:
    span = current.get()
    last = None if span is None else span.trace.last_statement
    return last[0] if last is not None and last[0] == id(self.cursor) else None


def _unknown(self: Any) -> Named:
    return describe(self.db.vendor, "FETCH")


@fetching(_fetched, _unknown)
def _fetch(self: Any, fetch: Function, /, *args: Any, **kwargs: Any) -> Any:
    return fetch(*args, **kwargs)


def _attribute(original: Function) -> Function:
    """A cursor's fetches are found by name at every use."""

    @wraps(original)
    def getter(self: Any, attr: str) -> Any:
        found = original(self, attr)
        if attr not in FETCHES or current.get() is None:
            return found
        return partial(_fetch, self, found)

    return getter


def _iterate(original: Function) -> Function:
    """Each row of an iteration is fetched for itself, so that no span is held over a yield."""

    @wraps(original)
    def rows(self: Any) -> Iterator[Any]:
        found = original(self)
        return found if recording() is None else _rows(self, found)

    return rows


def _rows(self: Any, found: Iterator[Any]) -> Iterator[Any]:
    while True:
        try:
            row = _fetch(self, next, found)
        except StopIteration:
            return
        yield row


def _verb(verb: str) -> Callable[..., Named | None]:
    def named(self: Any) -> Named | None:
        return None if self.connection is None else describe(self.vendor, verb)

    return named


def _connect(self: Any) -> Named:
    return describe(self.vendor, "CONNECT")


_execute = timed("db", _statement, leaf=True, begun=_begun, finished=_remember)
_run_many = timed("db", _statement, leaf=True, finished=_remember)

ABOUT = About(
    "Django: databases",
    ">=5.2",
    "`db`: execute, executemany, callproc, fetches, commit, rollback, savepoints; opening a"
    " connection with all that Django asks it then",
)

PATCHES = {
    "django.db.backends.utils": (
        Patch("CursorWrapper._execute", _execute),
        Patch("CursorWrapper._executemany", _run_many),
        Patch("CursorWrapper.callproc", timed("db", _procedure, leaf=True, finished=_remember)),
        Patch("CursorWrapper.__getattr__", _attribute),
        Patch("CursorWrapper.__iter__", _iterate),
    ),
    "django.db.backends.base.base": (
        Patch("BaseDatabaseWrapper.connect", timed("db", _connect, leaf=True)),
        Patch("BaseDatabaseWrapper._commit", timed("db", _verb("COMMIT"), leaf=True)),
        Patch("BaseDatabaseWrapper._rollback", timed("db", _verb("ROLLBACK"), leaf=True)),
    ),
}
