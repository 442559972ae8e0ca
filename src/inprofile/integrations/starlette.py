"""Starlette: routing, middleware by name, endpoints, rendering and background tasks."""

from collections.abc import Awaitable, Callable
from functools import lru_cache, wraps
from typing import Any

from inprofile.core.guard import guard
from inprofile.core.model import Span
from inprofile.core.recorder import (
    close_span,
    current,
    hand_over,
    open_span,
    recording,
    shift,
    take_back,
)
from inprofile.integrations._patch import Function, Named, Patch, qualified, timed


class Layer:
    """An ASGI application as a span: put around each middleware, and inside of the last one."""

    def __init__(self, app: Any, kind: str, name: str) -> None:
        self.app = app
        self.kind = kind
        self.name = name

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        parent = recording()
        if parent is None:
            await self.app(scope, receive, send)
            return
        if parent.kind == "middleware":
            send = _through(parent, send)
        span = open_span(parent, self.kind, self.name)
        await ended(span, self.app(scope, receive, send))


def _through(middleware: Span, send: Any) -> Any:
    """What a middleware does with a message from below it is the middleware's time."""

    async def through(message: Any) -> None:
        sender = recording()
        if sender is None:
            await send(message)
            return
        handover = hand_over(sender, middleware)
        try:
            await send(message)
        finally:
            take_back(handover)

    return through


async def ended(span: Span | None, work: Awaitable[None]) -> None:
    """Await ``work``, which ``span`` times."""
    try:
        await work
    except BaseException as error:
        if span is not None:
            span.error = type(error).__name__
        raise
    finally:
        if span is not None:
            close_span(span)


class Attachment:
    """Puts a door outermost around a Starlette or FastAPI application, wherever it is built.

    The stack of middleware is built at the first request; ``wrap`` goes around it then, with
    each of the user's middlewares in a Layer of its name. An application whose stack stands
    already gets the door alone.
    """

    def __init__(self, app: Any, wrap: Callable[[Any], Any]) -> None:
        self.app = app
        self._build = app.build_middleware_stack
        self._door: Any = None
        self._wrap = wrap
        if app.middleware_stack is None:
            app.build_middleware_stack = self.build
        else:
            app.middleware_stack = self._around(app.middleware_stack)

    def build(self) -> Any:
        """The application's own stack, with us around it and between its middlewares."""
        app = self.app
        own = app.user_middleware
        with guard:
            app.user_middleware = _layered(own)
        try:
            stack = self._build()
        finally:
            app.user_middleware = own
        return self._around(stack)

    def _around(self, stack: Any) -> Any:
        self._door = self._wrap(stack)
        return self._door

    def remove(self) -> None:
        """Take the door away; requests under way finish as they began."""
        vars(self.app).pop("build_middleware_stack", None)
        if self._door is not None and self.app.middleware_stack is self._door:
            self.app.middleware_stack = self._door.app


def _layered(own: list[Any]) -> list[Any]:
    from starlette.middleware import Middleware

    layers = []
    for middleware in own:
        layers.append(Middleware(Layer, kind="middleware", name=qualified(middleware.cls)))
        layers.append(middleware)
    if layers:
        layers.append(Middleware(Layer, kind="other", name="application"))
    return layers


def _router(original: Function) -> Function:
    """Routing lasts from the router's call to the matched route's."""

    @wraps(original)
    async def call(self: Any, scope: Any, receive: Any, send: Any) -> None:
        parent = current.get()
        if parent is None or parent.trace.finished:
            await original(self, scope, receive, send)
            return
        trace = parent.trace
        trace.root.kind = "other"  # the handler is known from here on
        trace.routing_ns = trace.clock()
        try:
            await original(self, scope, receive, send)
        finally:
            if trace.routing_ns:  # nothing matched
                _end_routing(parent)

    return call


def _end_routing(parent: Span) -> None:
    trace = parent.trace
    start_ns, trace.routing_ns = trace.routing_ns, 0
    shift(parent, "routing", trace.clock() - start_ns)


def routed(parent: Span, template: str) -> None:
    """End the routing and note which route it led to."""
    trace = parent.trace
    trace.route = trace.prefix + template
    if trace.routing_ns:
        _end_routing(parent)


def _endpoint(original: Function) -> Function:
    """A route's handle is the user's endpoint; FastAPI's own tell their parts apart."""

    @wraps(original)
    async def handle(self: Any, scope: Any, receive: Any, send: Any) -> None:
        parent = recording()
        if parent is None or getattr(self, "dependant", None) is not None:
            await original(self, scope, receive, send)
            return
        span = None
        with guard:
            routed(parent, self.path_format)
            span = open_endpoint(parent, qualified(self.endpoint))
        await ended(span, original(self, scope, receive, send))

    return handle


def open_endpoint(parent: Span, name: str) -> Span:
    """Open the span of what may send the last byte; a task above it may be the one that does."""
    span = open_span(parent, "handler", name)
    span.trace.endpoint = span
    return span


def _mount(original: Function) -> Function:
    """A mount adds its path to the template; what it holds may be no router of ours."""

    @wraps(original)
    async def handle(self: Any, scope: Any, receive: Any, send: Any) -> None:
        parent = recording()
        if parent is None:
            await original(self, scope, receive, send)
            return
        span = None
        with guard:
            routed(parent, self.path_format)
            parent.trace.prefix += self.path_format.removesuffix("/{path}")
            if not self.routes:
                span = open_endpoint(parent, qualified(self.app))
        await ended(span, original(self, scope, receive, send))

    return handle


def _stream(original: Function) -> Function:
    """A streamed response is made by the user's own iterator."""

    @wraps(original)
    async def call(self: Any, scope: Any, receive: Any, send: Any) -> None:
        parent = recording()
        span = None if parent is None else open_endpoint(parent, "stream")
        await ended(span, original(self, scope, receive, send))

    return call


@lru_cache(256)
def _rendering(response: str) -> Named:
    return f"render {response}", None


def _content(self: Any, content: Any) -> Named | None:
    """Names Response.__init__ where there is something to render."""
    if content is None or isinstance(content, (bytes, str)):
        return None
    return _rendering(type(self).__name__)


def _background(original: Function) -> Function:
    """A background task is a trace of its own that links to its request."""

    @wraps(original)
    async def call(self: Any) -> None:
        span = current.get()
        if span is None or not span.trace.recorder.enabled:
            await original(self)
            return
        with span.trace.recorder.background(qualified(self.func)):
            await original(self)

    return call


PATCHES = {
    "starlette.routing": (
        Patch("Router.__call__", _router),
        Patch("Route.handle", _endpoint),
        Patch("WebSocketRoute.handle", _endpoint),
        Patch("Mount.handle", _mount),
    ),
    "starlette.requests": (
        Patch("Request.json", timed("validation", "parse JSON body")),
        Patch("Request._get_form", timed("validation", "parse form body")),
    ),
    "starlette.responses": (
        Patch("Response.__init__", timed("serialization", _content, leaf=True)),
        Patch("StreamingResponse.__call__", _stream),
    ),
    "starlette.background": (Patch("BackgroundTask.__call__", _background),),
}
