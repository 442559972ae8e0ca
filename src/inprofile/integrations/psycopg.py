"""psycopg 3: statements, fetches, streams, copies and the ends of transactions.

What one call does alone is timed around the call. A stream, a copy and a server-side cursor
spend their time in many calls, with the user's code in between: there the generators that
psycopg hands to its connection are timed, which are the same for both kinds of connection.
"""

from collections.abc import Generator
from functools import wraps
from typing import Any, cast

from inprofile.core.guard import guard
from inprofile.core.model import Span
from inprofile.core.recorder import add_span, folded_span, recording
from inprofile.integrations._about import About
from inprofile.integrations._composed import literals, text_of
from inprofile.integrations._lookup import looked_up
from inprofile.integrations._patch import Named, Patch, Wrap, fetching, timed
from inprofile.integrations._signature import Function
from inprofile.integrations._sql import describe

SYSTEM = "postgresql"
IDLE = 0
"""psycopg.pq.TransactionStatus: no transaction is open, so there is nothing to end."""

BEGIN, COMMIT, ROLLBACK, SAVEPOINT, RELEASE, CONNECT, FETCH, COPY = (
    describe(SYSTEM, verb)
    for verb in (
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT",
        "RELEASE",
        "CONNECT",
        "FETCH",
        "COPY",
    )
)

Steps = Generator[Any, Any, Any]


def _statement(query: Any) -> Named:
    """Names execute and executemany."""
    return describe(SYSTEM, query if type(query) is str else text_of(query))


def _begun(span: Span, self: Any, query: Any, params: Any) -> None:
    """What a pipeline holds is sent at once."""
    if self._conn._pipeline is not None:  # noqa: SLF001
        return
    if type(query) is not str and type(query) is not bytes:
        params = literals(query) if params is None else params
        query = text_of(query)
    looked_up(span, query, params)


def _remember(span: Span, _result: Any, self: Any) -> None:
    """The fetches of this cursor belong to this statement.

    A cursor is known by its adapters: each has its own, and they do not keep it alive.
    """
    span.trace.last_statement = self.adapters, span


def _cursor(self: Any) -> object:
    return self.adapters


def _fetched(self: Any) -> Named:
    """Names what is fetched when another statement has run since."""
    return _statement(self._last_query)


def _commits(self: Any) -> Named | None:
    return None if self.pgconn.transaction_status == IDLE else COMMIT


def _rolls_back(self: Any) -> Named | None:
    return None if self.pgconn.transaction_status == IDLE else ROLLBACK


def _begins(self: Any) -> Named:
    """Names Transaction.__enter__."""
    return BEGIN if self.pgconn.transaction_status == IDLE else SAVEPOINT


def _ends(self: Any, exc_val: Any) -> Named | None:
    """Names Transaction.__exit__; on a connection that is lost it sends nothing."""
    if self.pgconn.status:
        return None
    if exc_val is not None or self.force_rollback:
        return ROLLBACK
    return COMMIT if self._outer_transaction else RELEASE


def _of_class(wrap: Wrap) -> Wrap:
    """The wrapper of a class method."""
    return lambda original: cast("Any", classmethod(wrap(original.__func__)))  # type: ignore[attr-defined]


def _bound(original: Any) -> Any:
    """The class method as it is now, where a module has it as a function."""
    return getattr(original.__self__, original.__name__)


def _sent(original: Function) -> Function:
    """Times the steps that send a statement of which more will follow."""

    @wraps(original)
    def steps(self: Any, statement: Any, params: Any = None, *args: Any, **kwargs: Any) -> Steps:
        found: Steps = original(self, statement, params, *args, **kwargs)
        parent = recording()
        if parent is None or parent.kind == "db":
            return found
        return _sending(found, parent, self, statement, params)

    return steps


def _sending(steps: Steps, parent: Span, cursor: Any, statement: Any, params: Any) -> Steps:
    trace, error = parent.trace, None
    start_ns = trace.clock()
    try:
        return (yield from steps)
    except BaseException as problem:
        error = type(problem).__name__
        raise
    finally:
        with guard:
            end_ns = trace.clock()
            if not trace.finished:
                name, about = _statement(statement)
                span = add_span(parent, "db", name, start_ns, end_ns, about)
                span.error = error
                trace.last_statement = cursor.adapters, span
                _begun(span, cursor, statement, params)


def _received(original: Function) -> Function:
    """Adds the time of the steps that get rows to their statement."""

    @wraps(original)
    def steps(self: Any, *args: Any, **kwargs: Any) -> Steps:
        found: Steps = original(self, *args, **kwargs)
        parent = recording()
        if parent is None or parent.kind == "db":
            return found
        return _receiving(found, parent, self)

    return steps


def _receiving(steps: Steps, parent: Span, cursor: Any) -> Steps:
    trace, error = parent.trace, None
    start_ns = trace.clock()
    try:
        return (yield from steps)
    except BaseException as problem:
        error = type(problem).__name__
        raise
    finally:
        with guard:
            length_ns = trace.clock() - start_ns
            if not trace.finished:
                last = trace.last_statement
                is_last = last is not None and last[0] is cursor.adapters
                taker = last[1] if last and is_last else folded_span(parent, "db", *FETCH)
                taker.error = error or taker.error
                parent.moved_ns -= length_ns
                taker.moved_ns += length_ns


_execute = timed("db", _statement, leaf=True, begun=_begun, finished=_remember)
_execute_many = timed("db", _statement, leaf=True, finished=_remember)
_fetch = fetching(_cursor, _fetched)
_copied = fetching(lambda self: self.cursor.adapters, lambda: COPY)
_commit = timed("db", _commits, leaf=True)
_rollback = timed("db", _rolls_back, leaf=True)
_begin = timed("db", _begins, leaf=True)
_end = timed("db", _ends, leaf=True)
_connect = _of_class(timed("db", lambda: CONNECT, leaf=True))

ABOUT = About(
    "psycopg",
    ">=3.2",
    "`db`: connect, execute, fetches, `stream()`, copy, server-side cursors, `transaction()`,"
    " commit, rollback",
    "rows made while iterating over a client-side cursor (before 3.3); text of template strings",
)

PATCHES = {
    "psycopg": (
        Patch("Connection.connect", _connect),
        Patch("AsyncConnection.connect", _connect),
        Patch("connect", _bound),
        *(
            Patch(f"{kind}Cursor.{method}", wrap, optional=method in {"__next__", "__anext__"})
            for kind, following in (("", "__next__"), ("Async", "__anext__"))
            for method, wrap in (
                ("execute", _execute),
                ("executemany", _execute_many),
                ("fetchone", _fetch),
                ("fetchmany", _fetch),
                ("fetchall", _fetch),
                (following, _fetch),
                ("_stream_send_gen", _sent),
                ("_stream_fetchone_gen", _received),
                ("_start_copy_gen", _sent),
            )
        ),
        *(
            Patch(f"{kind}{path}", wrap)
            for kind in ("", "Async")
            for path, wrap in (
                ("ServerCursor.execute", _execute),
                ("ServerCursor._fetch_gen", _received),
                ("Copy.read", _copied),
                ("Copy.read_row", _copied),
                ("Copy.write", _copied),
                ("Copy.write_row", _copied),
                ("Copy.finish", _copied),
                ("Connection.commit", _commit),
                ("Connection.rollback", _rollback),
            )
        ),
        Patch("Transaction.__enter__", _begin),
        Patch("Transaction.__exit__", _end),
        Patch("AsyncTransaction.__aenter__", _begin),
        Patch("AsyncTransaction.__aexit__", _end),
    ),
}
