"""Starlette: routing, middleware by name, endpoints, rendering and background tasks."""

from collections.abc import Awaitable, Callable
from functools import lru_cache, partial, wraps
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
from inprofile.integrations._about import About
from inprofile.integrations._patch import Named, Patch, qualified, timed
from inprofile.integrations._reading import both, fronting
from inprofile.integrations._signature import Function

Application = Callable[..., Awaitable[None]]


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
        await ended(span, self.app, scope, receive, send)


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


async def ended(span: Span | None, work: Function, *arguments: Any) -> None:
    """Await ``work(*arguments)``, which ``span`` times."""
    try:
        await work(*arguments)
    except BaseException as error:
        if span is not None:
            span.error = type(error).__name__
        raise
    finally:
        if span is not None:
            close_span(span)


class Doors:
    """The Starlette and FastAPI applications that have a door, which their class asks for.

    Wherever the line stands the door is outermost, and other tools may wrap what they like of
    the application, before us or after us: we write nothing onto it, but around what another
    tool has put in the place of its class's way to build the stack of middleware. A stack that
    is built from then on has each of the user's middlewares in a Layer of its name. ``arrived``
    is told of one without a door that is called with a scope, and may add it.
    """

    def __init__(self) -> None:
        self._doors: dict[int, tuple[Any, Application]] = {}
        self._builders: dict[int, partial[Any]] = {}
        self._call: Application = _unpatched
        self.arrived: Callable[[Any, Any], None] | None = None

    @property
    def patches(self) -> dict[str, tuple[Patch, ...]]:
        """What makes the classes ask."""
        return {
            "starlette.applications": (
                Patch("Starlette.__call__", self._calling),
                Patch("Starlette.build_middleware_stack", self._building),
            ),
            "fastapi.applications": (Patch("FastAPI.build_middleware_stack", self._building),),
        }

    def add(self, app: Any, door: Callable[[Application], Application]) -> None:
        """Put ``door`` around ``app``, once."""
        if id(app) in self._doors:
            return
        self._doors[id(app)] = app, door(lambda *asgi: self._call(app, *asgi))
        others = vars(app).get("build_middleware_stack")
        if others is not None:
            app.build_middleware_stack = self._builders[id(app)] = partial(_layered, app, others)

    def remove(self, app: Any = None) -> None:
        """Take the door away, or with None every one; requests under way finish as they began."""
        for one, _ in [found for found in self._doors.values() if app is None or found[0] is app]:
            del self._doors[id(one)]
            builder = self._builders.pop(id(one), None)
            if builder is not None and vars(one).get("build_middleware_stack") is builder:
                one.build_middleware_stack = builder.args[1]

    def _calling(self, original: Function) -> Function:
        self._call = original
        ours, doors = self, self._doors

        @wraps(original)
        async def call(self: Any, scope: Any, receive: Any, send: Any) -> None:
            found = doors.get(id(self))
            if found is None and ours.arrived is not None:
                with guard:
                    ours.arrived(self, scope)
                found = doors.get(id(self))
            if found is None:
                await original(self, scope, receive, send)
            else:
                await found[1](scope, receive, send)

        return call

    def _building(self, original: Function) -> Function:
        doors = self._doors

        @wraps(original)
        def build_middleware_stack(self: Any) -> Any:
            if id(self) not in doors:
                return original(self)
            return _layered(self, partial(original, self))

        return build_middleware_stack


def _unpatched(*_: Any) -> Any:
    raise RuntimeError("Starlette is not patched")


def _layered(app: Any, build: Callable[[], Any]) -> Any:
    """The stack that ``build`` makes of ``app`` with a Layer around each middleware."""
    own = app.user_middleware
    with guard:
        app.user_middleware = _with_layers(own)
    try:
        return build()
    finally:
        app.user_middleware = own


def _with_layers(own: list[Any]) -> list[Any]:
    from starlette.middleware import Middleware

    if own and own[0].cls is Layer:  # of a builder that calls another one
        return own
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
        await ended(span, original, self, scope, receive, send)

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
        await ended(span, original, self, scope, receive, send)

    return handle


def _stream(original: Function) -> Function:
    """A streamed response is made by the user's own iterator."""

    @wraps(original)
    async def call(self: Any, scope: Any, receive: Any, send: Any) -> None:
        parent = recording()
        span = None if parent is None else open_endpoint(parent, "stream")
        await ended(span, original, self, scope, receive, send)

    return call


@lru_cache(256)
def _rendering(response: str) -> Named:
    return f"render {response}", None


def _content(self: Any, content: Any) -> Named | None:
    """Names Response.__init__ where there is something to render."""
    if isinstance(content, bytes):
        return None
    if (content is None or isinstance(content, str)) and (
        self.render.__qualname__ == "Response.render"
    ):
        return None  # encoded, that is all
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


ABOUT = About(
    "Starlette",
    ">=0.40",
    "`middleware` each by name, `routing`, `handler`, `validation` (bodies), `serialization`,"
    " `send`; background tasks as traces of their own",
)

PATCHES = {
    "starlette.routing": (
        Patch("Router.__call__", _router),
        Patch("Route.handle", both(fronting, _endpoint)),
        Patch("WebSocketRoute.handle", both(fronting, _endpoint)),
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
