"""What the spans of all HTTP clients have in common: names, attributes, whose body is read."""

from functools import lru_cache
from typing import Any
from weakref import ref

from inprofile.core.model import OTHER, Span, Trace
from inprofile.integrations._patch import Named
from inprofile.integrations._steps import continuing, noted
from inprofile.integrations._url import CACHED, MAX_HOST, MAX_TEXT, address, template

METHODS = {
    method: method
    for method in (
        "CONNECT",
        "DELETE",
        "GET",
        "HEAD",
        "OPTIONS",
        "PATCH",
        "POST",
        "PUT",
        "QUERY",
        "TRACE",
    )
}
"""Those that OpenTelemetry knows; another is called _OTHER, so that labels stay few."""

MAX_BODIES = 1000
"""Responses of one trace whose bodies may still be read; the oldest are forgotten."""

STATUS = "http.response.status_code"
FIRST_BYTE = "inprofile.first_byte_ns"
"""From the beginning of a request to the head of its last answer, in nanoseconds."""

CONNECTION_WAIT = "inprofile.connection_wait_ns"
"""How long a request waited for its turn at the client's pool of connections."""

LEAST_WAIT_NS = 100_000
"""What is shorter was no wait: taking a connection that is at hand."""

CONNECT = "inprofile.connect_ns"
"""How long it took to open new connections, TLS included; absent where one was at hand."""


LEFT_OUT = (
    "bodies read in another trace than their request's; a body read while other timed work of its"
    " trace goes on counts as that work's"
)
"""What no client's ABOUT keeps quiet. Reading adds time to a closed span, which the ledger
cannot split with what overlaps it; the stages add up all the same."""


def request(method: object, host: object, path: object) -> Named:
    """The name and attributes of a request; ``path`` may go on with a query.

    What is no text counts as unknown: it is not looked at. Costs 0.3 microseconds for a
    request that is known.
    """
    if type(method) is type(host) is type(path) is str and len(path) <= MAX_TEXT:
        return _remembered(method, host, path)
    return _named(_text(method), _text(host)[:MAX_HOST], template(_text(path)))


def request_url(method: object, url: object) -> Named:
    """The same of a whole URL."""
    if type(method) is type(url) is str and len(url) <= MAX_TEXT:
        return _remembered_url(method, url)
    return _named(_text(method), *address(_text(url)))


def _text(value: object) -> str:
    """The text alone of what may be an enum or a class of the user's."""
    return str.__str__(value) if issubclass(type(value), str) else ""


def _named(method: str, host: str, route: str) -> Named:
    verb = METHODS.get(method.upper(), OTHER)
    about: dict[str, str | int] = {"http.request.method": verb, "server.address": host}
    if host:
        about["url.template"] = route
    return f"{verb} {host}" if host else verb, about


@lru_cache(CACHED)
def _remembered(method: str, host: str, path: str) -> Named:
    return _named(method, host[:MAX_HOST], template(path))


@lru_cache(CACHED)
def _remembered_url(method: str, url: str) -> Named:
    return _named(method, *address(url))


def status(span: Span, code: object) -> None:
    """Give ``span`` the status of its answer."""
    about = span.attributes or {}
    if isinstance(code, int) and about.get(STATUS) != code:
        span.attributes = {**about, STATUS: int(code)}


def remember(span: Span, body: Any, holder: Any = None) -> None:
    """The reads of ``body`` that follow belong to ``span``.

    It is known by its identity, for as long as ``holder`` (or itself) lives: keeping either
    would keep a connection open.
    """
    bodies = span.trace.bodies
    if bodies is None:
        bodies = span.trace.bodies = {}
    elif len(bodies) >= MAX_BODIES:
        bodies.pop(next(iter(bodies)), None)
    bodies[id(body)] = ref(body if holder is None else holder), span


def _request_of(trace: Trace, self: Any) -> Span | None:
    """The span of the request whose body this is, if it was made in this trace."""
    if trace.bodies is None:
        return None
    known = trace.bodies.get(id(self))
    return None if known is None or known[0]() is None else known[1]


def _note_head(span: Span, _start_ns: int, head: Any) -> None:
    if head is not None:
        length_ns = span.trace.clock() - span.start_ns
        span.attributes = {**(span.attributes or {}), FIRST_BYTE: length_ns}


def _note_answer(span: Span, _start_ns: int, answer: Any) -> None:
    if answer is not None:
        length_ns = span.trace.clock() - span.start_ns
        about = span.attributes or {}
        span.attributes = {**about, FIRST_BYTE: length_ns, STATUS: int(answer.status)}


def _note_wait(span: Span, start_ns: int, _connection: Any) -> None:
    length_ns = span.trace.clock() - start_ns
    if length_ns >= LEAST_WAIT_NS:
        _add(span, CONNECTION_WAIT, length_ns)


def _note_connect(span: Span, start_ns: int, _connection: Any) -> None:
    _add(span, CONNECT, span.trace.clock() - start_ns)


def _add(span: Span, name: str, length_ns: int) -> None:
    """Add to an attribute: a request that is tried again waits again."""
    about = span.attributes or {}
    before = about.get(name, 0)
    span.attributes = {**about, name: length_ns + (before if isinstance(before, int) else 0)}


reading = continuing("http", _request_of)
"""For methods of what was remembered that read of the body."""

head = noted("http", _note_head)
"""For what returns when the head of an answer is there."""

answer = noted("http", _note_answer)
"""The same, for what returns an object with the ``status`` of that answer."""

connection_wait = noted("http", _note_wait)
"""For what waits for a connection of the pool."""

connecting = noted("http", _note_connect)
"""For what opens a connection."""
