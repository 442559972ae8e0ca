"""The WSGI door: begins a trace for each request and finishes it at the last body byte."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from inprofile.core.guard import guard
from inprofile.core.model import OTHER, Span, Trace
from inprofile.core.recorder import Recorder, current
from inprofile.core.trace_context import from_environ
from inprofile.doors.request import MAX_HOST, METHODS, queued_ns

Environ = dict[str, Any]
Write = Callable[[bytes], object]
StartResponse = Callable[..., Write]
App = Callable[[Environ, StartResponse], Iterable[bytes]]
Answer = Callable[[App, Environ, StartResponse], Iterable[bytes]]

T = TypeVar("T")

MARK = "inprofile.door"
"""Set in an environ that has a trace, so that a second door on its way does nothing. The dot
tells it from CGI's variables, which must be text (PEP 3333)."""

END: Any = object()
"""Stands for the end of a body."""

PLAIN = frozenset({list, tuple})
"""Types of bodies whose iteration runs nothing of the app's."""

OK = 200
BODILESS = frozenset({204, 304})
"""Statuses of responses that have no body, which a server need not ask for."""


class Door:
    """Wraps a WSGI application.

    ``recorder`` begins and finishes the traces; ``endpoint`` says what answers a request
    for ``endpoint_path`` (the metrics), with the wrapped app's help; None is the app itself.
    Costs 14 microseconds a request whose body is a list, 16 for an iterator, 1 for each further
    part of it, and 0.2 when the recorder is disabled.
    """

    def __init__(
        self,
        app: App,
        recorder: Recorder,
        endpoint: Callable[[Environ], Answer | None] | None = None,
        endpoint_path: str = "",
    ) -> None:
        self.app = app
        self.recorder = recorder
        self.endpoint = endpoint
        self.endpoint_path = endpoint_path.encode().decode("latin-1")  # as in an environ
        self._begin = _begin_carried if recorder.tracing else _begin

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        recorder = self.recorder
        if not recorder.enabled or MARK in environ:
            return self.app(environ, start_response)
        if self.endpoint is not None and environ.get("PATH_INFO") == self.endpoint_path:
            answer = self.endpoint(environ)
            if answer is not None:
                environ[MARK] = True
                return answer(self.app, environ, start_response)
        outside = current.get()
        if outside is not None and _goes_on(outside.trace, environ):
            return self.app(environ, start_response)
        trace = self._begin(recorder, environ)
        response = Response(recorder, trace, start_response)
        try:
            result = self.app(environ, response.start_response)
        except BaseException as error:
            recorder.finish(trace, error)
            raise
        finally:
            if trace.leave is not None:
                trace.leave()
            current.set(outside)
        response.returned(result)
        wrapper = environ.get("wsgi.file_wrapper")
        if wrapper is not None and _is_file(result, wrapper):
            _finish_at_close(response, result)
            return result
        return Sized(response) if hasattr(type(result), "__len__") else response


class Response:
    """One request's response on its way out: the app's ``start_response``, then its body.

    What the app does to make the next part of the body is its own time, in the span that was
    current when it made the one before; what the server does in between is the stage ``send``.
    Nothing is current while the server has its turn. ``close`` before the end of the body
    means that the client has gone.
    """

    __slots__ = (
        "_headers",
        "_inside",
        "_left_ns",
        "_recorder",
        "_result",
        "_sent_bytes",
        "_start",
        "_trace",
        "_under_way",
        "_write",
    )

    def __init__(self, recorder: Recorder, trace: Trace, start_response: StartResponse) -> None:
        self._recorder = recorder
        self._trace = trace
        self._start = start_response
        self._headers: Any = ()
        self._sent_bytes = 0
        self._left_ns = 0
        self._inside: Span = trace.root
        self._result: Any = None
        self._under_way: Iterator[bytes] | None = None

    # What the app calls

    def start_response(self, *args: Any, **kwargs: Any) -> Write:
        """Note the status and headers that the server has accepted."""
        write = self._start(*args, **kwargs)
        if self._trace.finished:
            return write
        try:
            status, headers = args[:2] if len(args) > 1 else _named(*args, **kwargs)
            self._headers = headers
            self._trace.status = int(status[:3])
        except (TypeError, ValueError):
            self._trace.status = 0  # the server's to refuse
        self._write = write
        return self.write

    def write(self, data: bytes) -> object:
        """Send ``data`` at once, the way of older apps."""
        trace = self._trace
        if trace.finished:
            return self._write(data)
        start_ns = trace.clock()
        trace.streamed = trace.streamed or trace.first_byte_ns > 0
        trace.first_byte_ns = trace.first_byte_ns or start_ns
        self._sent_bytes += len(data) if type(data) is bytes else 0
        try:
            return self._write(data)
        finally:
            took_ns = trace.clock() - start_ns
            (current.get() or trace.root).moved_ns -= took_ns
            trace.shifted["send"] += took_ns

    # What the door calls

    def returned(self, result: Any) -> None:
        """The app has returned ``result``: from here on the trace's endpoint makes the parts."""
        trace = self._trace
        self._result = result
        self._left_ns = trace.clock()
        endpoint = trace.endpoint
        if endpoint is not None and not endpoint.end_ns:
            endpoint.start_ns = self._left_ns
            self._inside = endpoint

    def finish(self) -> None:
        """The last byte is out."""
        if not self._trace.finished:
            self._back()
            self._end()

    # What the server calls

    def __iter__(self) -> Iterator[bytes]:
        result = self._result
        if type(result) in PLAIN:
            return self._parts(iter(result))
        if not hasattr(type(result), "__next__"):
            return self._parts(self._inside_of_app(iter, result))
        if self._under_way is None:
            self._under_way = self._parts(iter(result))
        return self

    def __next__(self) -> bytes:
        if self._under_way is None:
            self._under_way = self._parts(iter(self._result))
        return next(self._under_way)

    def close(self) -> None:
        """Close the app's own, and with it the response."""
        trace = self._trace
        if not trace.finished and self._is_whole():
            self.finish()
        close = getattr(self._result, "close", None)
        if trace.finished:
            if close is not None:
                close()
            return
        trace.root.error = "ClientDisconnect"
        try:
            if close is not None:
                self._inside_of_app(close)
        finally:
            self.finish()

    def __getattr__(self, name: str) -> Any:
        """Whatever else a framework's own response has."""
        return getattr(self._result, name)

    def __del__(self) -> None:
        """A server closes what it was given; a test may just drop it."""
        if not self._trace.finished:
            if not self._is_whole():
                self._trace.root.error = "IncompleteResponse"
            self._end()

    def _parts(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        """Each part of the body, as ``_inside_of_app`` would make it, with its first byte."""
        trace = self._trace
        clock = trace.clock
        while not trace.finished:
            outside = current.get()
            inside = self._inside
            took_ns = clock() - self._left_ns
            inside.moved_ns -= took_ns
            trace.shifted["send"] += took_ns
            current.set(inside)
            try:
                part = next(parts, END)
                if part is END:
                    self._end()
                    return
            except BaseException as error:
                self._end(error)
                raise
            finally:
                self._inside = current.get() or inside
                current.set(outside)
            self._left_ns = now_ns = clock()
            size = len(part) if type(part) is bytes else 1
            if size:
                self._sent_bytes += size
                if trace.first_byte_ns:
                    trace.streamed = True
                else:
                    trace.first_byte_ns = now_ns
            yield part
        yield from parts

    def _inside_of_app(self, call: Callable[..., T], *arguments: Any) -> T:
        """What the call gives, in the app's time and context; what it raises ends the trace."""
        if self._trace.finished:
            return call(*arguments)
        outside = current.get()
        self._back()
        current.set(self._inside)
        try:
            return call(*arguments)
        except BaseException as error:
            self._end(error)
            raise
        finally:
            current.set(outside)
            self._left_ns = self._trace.clock()

    def _back(self) -> None:
        """The server is back: what it did since was sending."""
        trace = self._trace
        took_ns = trace.clock() - self._left_ns
        self._inside.moved_ns -= took_ns
        trace.shifted["send"] += took_ns

    def _is_whole(self) -> bool:
        """Whether the client has all there is, for all that the headers say."""
        trace = self._trace
        if trace.method == "HEAD" or trace.status in BODILESS or 0 < trace.status < OK:
            return True
        try:
            for name, value in self._headers:
                if name.lower() == "content-length":
                    return int(value) <= self._sent_bytes
        except (AttributeError, TypeError, ValueError):
            return False  # headers that are none
        return False

    def _end(self, error: BaseException | None = None) -> None:
        trace = self._trace
        if not trace.finished:
            if not trace.status and trace.root.error is None:
                trace.root.error = "IncompleteResponse"  # it was never started
            self._recorder.finish(trace, error)


class Sized:
    """A response whose number of parts is known: a server may take its length from a single one."""

    __slots__ = ("_response",)

    def __init__(self, response: Response) -> None:
        self._response = response

    def __len__(self) -> int:
        return len(self._response._result)  # noqa: SLF001 - its other half

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._response)

    def __next__(self) -> bytes:
        return next(self._response)

    def close(self) -> None:
        """Close the app's own, and with it the response."""
        self._response.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._response, name)


def _begin(recorder: Recorder, environ: Environ) -> Trace:
    method = environ.get("REQUEST_METHOD", "")
    if method not in METHODS:
        method = OTHER
    trace = recorder.begin("http", method, environ.get("wsgi.url_scheme", ""))
    environ[MARK] = True
    try:
        trace.path = _path(environ)
        if "HTTP_X_REQUEST_START" in environ:
            value = environ["HTTP_X_REQUEST_START"].encode("latin-1")
            trace.queue_ns = queued_ns(value, time.time())
    except Exception as error:
        guard.caught(error)
    return trace


def _begin_carried(recorder: Recorder, environ: Environ) -> Trace:
    trace = _begin(recorder, environ)
    with guard:
        trace.carrier = from_environ(environ)
        trace.host = environ.get("HTTP_HOST", "")[:MAX_HOST]
    recorder.enter(trace)
    return trace


def _goes_on(trace: Trace, environ: Environ) -> bool:
    """Whether this is the request of ``trace``, handed on: by an ASGI application to one below it.

    What stands between them leaves our mark behind.
    """
    with guard:
        return (
            not trace.finished
            and (trace.door, trace.method) == ("http", environ.get("REQUEST_METHOD"))
            and trace.path == _path(environ)
        )
    return False


def _path(environ: Environ) -> str:
    """The whole path as the client meant it: an environ has its bytes as Latin-1 (PEP 3333)."""
    path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    if path.isascii():
        return path
    return path.encode("latin-1", "replace").decode("utf-8", "replace")


def _named(status: Any = "", headers: Any = (), **_: Any) -> tuple[Any, Any]:
    return status, headers


def _is_file(result: Any, wrapper: Any) -> bool:
    """Whether ``result`` is what the server knows how to send as a file.

    uWSGI's and mod_wsgi's wrapper is no class: what it returns is a file or has one.
    """
    if isinstance(wrapper, type):
        return isinstance(result, wrapper)
    return hasattr(result, "read") or hasattr(result, "filelike")


def _finish_at_close(response: Response, file: Any) -> None:
    """A file is the server's own object: its response ends with its close(), where it has one.

    gunicorn's and wsgiref's keep the file's close() on the instance, where ours can stand;
    the others' responses end here.
    """
    close = getattr(file, "__dict__", {}).get("close")
    if close is None:
        response.finish()
        return

    def closed() -> Any:
        response.finish()
        return close()

    file.close = closed
