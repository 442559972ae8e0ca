"""Django's handlers: the door at each of them, middleware by name, routing and the view."""

import re
from collections.abc import Callable
from functools import lru_cache, partial, update_wrapper, wraps
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary, ref

from inprofile.core.guard import guard
from inprofile.core.model import OTHER, Span, Trace
from inprofile.core.recorder import Recorder, current, recording, shift
from inprofile.core.trace_context import from_environ
from inprofile.integrations._about import About
from inprofile.integrations._patch import Patch, qualified, timed
from inprofile.integrations._reading import bordering, fronting
from inprofile.integrations._signature import Function
from inprofile.integrations.django_chain import AsyncLayer, Layer, put_layers

MAX_VIEWS = 4096
"""Views remembered with their layers; what comes after gets a fresh one for each request."""

METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
"""What Django's test client has a method of its own for."""

ABOUT = About(
    "Django",
    ">=5.2,<7",
    "`routing` (with the whole pattern of the URL as the route), `middleware` each by name, with"
    " `process_view` and `process_exception` apart, `handler` (views, also those of"
    " errors), `send` (streams and files), making an error's response (`other`); under WSGI, ASGI"
    " and its test clients",
    "`process_template_response` (`other`)",
)

_ESCAPED = re.compile(r"\\(\W)")


class Handlers:
    """Django's handlers, which ask here for what is to happen around them.

    ``asgi`` and ``wsgi`` put a door around an application; the test client's handlers speak
    neither protocol on their way out, and begin and finish their traces here.
    """

    def __init__(
        self,
        recorder: Recorder,
        asgi: Callable[[Function], Function],
        wsgi: Callable[[Function], Function],
    ) -> None:
        self._recorder = recorder
        self._asgi = asgi
        self._wsgi = wsgi
        self._doors: WeakKeyDictionary[Any, Function] = WeakKeyDictionary()
        self._views: dict[int, tuple[Function, Function]] = {}
        self._making = Lock()

    def takes(self, app: Any) -> bool:
        """Whether ``app`` is one of Django's handlers, which have their doors from their class."""
        return hasattr(app, "load_middleware") and hasattr(app, "resolve_request")

    @property
    def patches(self) -> dict[str, tuple[Patch, ...]]:
        """What makes Django's classes ask."""
        return {
            "django.core.handlers.base": (
                Patch("BaseHandler.load_middleware", self._load_middleware),
                Patch("BaseHandler.resolve_request", self._resolve_request),
                Patch("BaseHandler.make_view_atomic", self._make_view_atomic),
                Patch("BaseHandler._get_response", fronting, reads=True),
                Patch("BaseHandler._get_response_async", fronting, reads=True),
            ),
            "django.views.generic.base": (Patch("View.dispatch", bordering, reads=True),),
            "django.core.handlers.exception": (
                Patch("response_for_exception", timed("other", "error response")),
            ),
            "django.urls.resolvers": (
                Patch("URLResolver.resolve_error_handler", self._resolve_error_handler),
            ),
            "django.core.handlers.wsgi": (Patch("WSGIHandler.__call__", self._wsgi_call),),
            "django.core.handlers.asgi": (Patch("ASGIHandler.__call__", self._asgi_call),),
            "django.test.client": (
                Patch("ClientHandler.__call__", self._client_call),
                Patch("AsyncClientHandler.__call__", self._async_client_call),
            ),
        }

    # The handlers of servers

    def _wsgi_call(self, original: Function) -> Function:
        def door(handler: Any) -> Function:
            alive = ref(handler)

            def app(environ: Any, start_response: Any) -> Any:
                _nobodys(recording())
                return original(alive(), environ, start_response)

            return self._wsgi(app)

        @wraps(original)
        def call(self_: Any, environ: Any, start_response: Any) -> Any:
            return (self._doors.get(self_) or self._add(self_, door))(environ, start_response)

        return call

    def _asgi_call(self, original: Function) -> Function:
        def door(handler: Any) -> Function:
            alive = ref(handler)

            async def app(scope: Any, receive: Any, send: Any) -> None:
                _nobodys(recording())
                await original(alive(), scope, receive, send)

            return self._asgi(app)

        @wraps(original)
        async def call(self_: Any, scope: Any, receive: Any, send: Any) -> None:
            await (self._doors.get(self_) or self._add(self_, door))(scope, receive, send)

        return call

    def _add(self, handler: Any, make: Callable[[Any], Function]) -> Function:
        door = make(handler)
        # Who comes second goes without; a lock that is waited for may be held across a fork.
        if self._making.acquire(blocking=False):
            try:
                if handler not in self._doors:
                    _put_layers(handler)
                    self._doors[handler] = door
            finally:
                self._making.release()
        return door

    def _load_middleware(self, original: Function) -> Function:
        @wraps(original)
        def load_middleware(self_: Any, *args: Any, **kwargs: Any) -> None:
            original(self_, *args, **kwargs)
            _put_layers(self_)

        return load_middleware

    # The test client

    def _client_call(self, original: Function) -> Function:
        @wraps(original)
        def call(self_: Any, environ: Any) -> Any:
            outside = current.get()
            trace = self._begin(environ.get("REQUEST_METHOD"), environ.get("PATH_INFO"))
            if trace is None:
                return original(self_, environ)
            if self._recorder.tracing:
                with guard:
                    trace.carrier = from_environ(environ)
                self._recorder.enter(trace)
            try:
                return self._answered(trace, original(self_, environ))
            except BaseException as error:
                self._recorder.finish(trace, error)
                raise
            finally:
                if trace.leave is not None:
                    trace.leave()
                current.set(outside)

        return call

    def _async_client_call(self, original: Function) -> Function:
        @wraps(original)
        async def call(self_: Any, scope: Any) -> Any:
            outside = current.get()
            trace = self._begin(scope.get("method"), scope.get("path"))
            if trace is None:
                return await original(self_, scope)
            if self._recorder.tracing:
                trace.carrier = scope.get("headers")
                self._recorder.enter(trace)
            try:
                return self._answered(trace, await original(self_, scope))
            except BaseException as error:
                self._recorder.finish(trace, error)
                raise
            finally:
                if trace.leave is not None:
                    trace.leave()
                current.set(outside)

        return call

    def _begin(self, method: Any, path: Any) -> Trace | None:
        if not self._recorder.enabled:
            return None
        trace = self._recorder.begin("http", method if method in METHODS else OTHER, "http")
        trace.path = str(path)
        _nobodys(trace.root)
        return trace

    def _answered(self, trace: Trace, response: Any) -> Any:
        """A streamed response is over when it is closed."""
        with guard:
            trace.status = response.status_code
            finish = partial(self._recorder.finish, trace)
            if response.streaming:
                response._resource_closers.append(finish)  # noqa: SLF001 - what Django does
            else:
                finish()
        return response

    # Inside of a handler

    def _resolve_request(self, original: Function) -> Function:
        @wraps(original)
        def resolve_request(self_: Any, request: Any) -> Any:
            parent = recording()
            if parent is None:
                return original(self_, request)
            trace = parent.trace
            start_ns = trace.clock()
            try:
                match = original(self_, request)
            finally:
                shift(parent, "routing", trace.clock() - start_ns)
            with guard:
                trace.route = trace.prefix + template(match.route)
            return match

        return resolve_request

    def _make_view_atomic(self, original: Function) -> Function:
        @wraps(original)
        def make_view_atomic(self_: Any, view: Any) -> Any:
            return original(self_, self._spanned(view))

        return make_view_atomic

    def _resolve_error_handler(self, original: Function) -> Function:
        @wraps(original)
        def resolve_error_handler(self_: Any, view_type: Any) -> Any:
            return self._spanned(original(self_, view_type))

        return resolve_error_handler

    def _spanned(self, view: Function) -> Function:
        """The view as a span, in a trace. It is known by its identity: it may not be hashable."""
        if recording() is None:
            return view
        with guard:
            found = self._views.get(id(view))
            if found is None:
                found = view, _timed(view)
                if len(self._views) < MAX_VIEWS:
                    self._views[id(view)] = found
            return found[1]
        return view


def _nobodys(span: Span | None) -> None:
    """What is left of the request besides middleware, routing and view belongs to Django."""
    if span is not None:
        span.trace.root.kind = "other"


def _put_layers(handler: Any) -> None:
    with guard:
        put_layers(handler)


def _timed(view: Any) -> Function:
    from asgiref.sync import iscoroutinefunction

    name = qualified(getattr(view, "view_class", None) or getattr(view, "cls", None) or view)
    around = _around_awaited if iscoroutinefunction(view) else _around
    return update_wrapper(around(view, name), view)


def _around(view: Function, name: str) -> Function:
    layer = Layer(view, "handler", name)

    def call(*args: Any, **kwargs: Any) -> Any:
        return layer(*args, **kwargs)

    return call


def _around_awaited(view: Function, name: str) -> Function:
    layer = AsyncLayer(view, "handler", name)

    async def call(*args: Any, **kwargs: Any) -> Any:
        return await layer(*args, **kwargs)

    return call


@lru_cache(4096)
def template(route: str) -> str:
    """A URL pattern as people write it: groups by name, without what only a regex needs."""
    if not any(mark in route for mark in "^$(\\"):
        return route if route.startswith("/") else f"/{route}"
    from django.contrib.admindocs import utils

    for simplify in (
        utils.remove_non_capturing_groups,
        utils.replace_named_groups,
        utils.replace_unnamed_groups,
        utils.replace_metacharacters,
    ):
        route = simplify(route)
    route = _ESCAPED.sub(r"\1", route)
    return route if route.startswith("/") else f"/{route}"
