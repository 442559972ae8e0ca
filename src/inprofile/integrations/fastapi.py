"""FastAPI: dependencies by name, validation, endpoints and the parts of serialization.

Dependencies are called inside of one long function of FastAPI's. Wrapping them would change
what they are keyed by, so their time is told from what surrounds them: that function calls
itself for a dependency's own dependencies right before it calls the dependency, and parses
parameters right after the last one.
"""

import inspect
import linecache
from collections.abc import Mapping, Sized
from functools import lru_cache, wraps
from typing import Any

from inprofile.core.application import application
from inprofile.core.guard import guard
from inprofile.core.model import Location, Span, Trace
from inprofile.core.recorder import close_span, current, open_span, recording
from inprofile.integrations._about import About
from inprofile.integrations._patch import Named, Patch, qualified, timed
from inprofile.integrations._reading import bordering, both, fronting, interpreting
from inprofile.integrations._signature import Function
from inprofile.integrations.starlette import open_endpoint, routed

DECORATORS = 20
"""Lines above the one that says ``def`` that are looked through."""


def _api_route(original: Function) -> Function:
    @wraps(original)
    async def handle(self: Any, scope: Any, receive: Any, send: Any) -> None:
        parent = current.get()
        if parent is not None and not parent.trace.finished:
            try:
                routed(parent, _template(self, scope))
            except Exception as error:
                guard.caught(error)
        await original(self, scope, receive, send)

    return handle


def _websocket_route(original: Function) -> Function:
    noted = _api_route(original)

    @wraps(original)
    async def handle(self: Any, scope: Any, receive: Any, send: Any) -> None:
        parent = recording()
        try:
            await noted(self, scope, receive, send)
        finally:
            endpoint = None if parent is None else parent.trace.endpoint
            if endpoint is not None and not endpoint.end_ns:
                close_span(endpoint)

    return handle


def _template(route: Any, scope: Any) -> str:
    """The full template: newer versions keep an included router's prefix in the scope."""
    if "fastapi" in scope:
        effective = scope["fastapi"].get("effective_route_context")
        if effective is not None and effective.original_route is route:
            return str(effective.path_format)
    return str(route.path_format)


def _solve(original: Function) -> Function:
    """All dependencies and parameters of one endpoint, or of one dependency.

    FastAPI hands what is solved already to the calls for a dependency's own dependencies.
    """

    @wraps(original)
    async def solve_dependencies(**kwargs: Any) -> Any:
        parent = recording()
        if parent is None:
            return await original(**kwargs)
        if "dependency_cache" in kwargs:
            return await _solve_one(original, parent, kwargs)
        dependant, trace, span = kwargs["dependant"], parent.trace, None
        if dependant.dependencies:
            span = open_span(parent, "dependencies", "(solving)")
        try:
            result = await original(**kwargs)
        except BaseException as error:
            _end_section(trace, error)
            if span is not None:
                span.error = type(error).__name__
            raise
        finally:
            _end_section(trace)
            if span is not None:
                close_span(span)
        if trace.door == "websocket" and not result.errors:
            with guard:  # FastAPI calls it next, and leaves nothing to patch
                open_endpoint(parent, qualified(dependant.call))
        return result

    return solve_dependencies


async def _solve_one(original: Function, parent: Span, kwargs: dict[str, Any]) -> Any:
    """The dependencies of one dependency, after which FastAPI calls it."""
    _end_section(parent.trace)
    result = await original(**kwargs)
    with guard:
        _end_section(parent.trace)
        dependant = kwargs["dependant"]
        if not result.errors:
            cache = kwargs["dependency_cache"] if dependant.use_cache else ()
            _section(parent.trace, "dependencies", qualified(dependant.call), cache)
    return result


def _section(trace: Trace, kind: str, name: str, cache: Sized = ()) -> None:
    """``cache`` is where a dependency's value will be kept if it is called now."""
    parent = current.get()
    if parent is not None:
        trace.section = open_span(parent, kind, name), cache, len(cache)


def _end_section(trace: Trace, error: BaseException | None = None) -> None:
    """A dependency whose value was in the cache has not run and leaves no span."""
    if trace.section is not None:
        (span, cache, size), trace.section = trace.section, None
        if span.end_ns:
            return
        if error is not None:
            span.error = type(error).__name__
        if error is not None or not cache or len(cache) != size:
            close_span(span)
        else:
            current.set(span.parent)


def _parameters(original: Function) -> Function:
    """Parsing parameters ends the last dependency; it lasts until all are solved."""

    @wraps(original)
    def request_params_to_args(fields: Any, received_params: Any) -> Any:
        if fields:
            _validate()
        return original(fields, received_params)

    return request_params_to_args


def _body(original: Function) -> Function:
    @wraps(original)
    async def request_body_to_args(*args: Any, **kwargs: Any) -> Any:
        _validate()
        return await original(*args, **kwargs)

    return request_body_to_args


def _validate() -> None:
    span = recording()
    if span is not None and span.kind != "validation":
        with guard:
            _end_section(span.trace)
            _section(span.trace, "validation", "parameters")


def _endpoint(dependant: Any) -> Named:
    """Names run_endpoint_function."""
    return qualified(dependant.call), None


@lru_cache(1024)
def _described(verb: str, annotation: Any) -> Named:
    name = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    return f"{verb} {name}", None


def _field(verb: str) -> Function:
    """Names a ModelField's method, but only where a response is being serialized."""

    def named(self: Any) -> Named | None:
        span = current.get()
        if span is None or span.kind != "serialization":
            return None
        return _described(verb, self.field_info.annotation)

    return named


_FIELDS = (
    Patch("ModelField.validate", timed("serialization", _field("validate"))),
    Patch("ModelField.serialize", timed("serialization", _field("dump"))),
    Patch("ModelField.serialize_json", timed("serialization", _field("dump")), optional=True),
)


def _written(names: Mapping[str, Any]) -> Location | None:
    """Where the endpoint was written: what is made of its answer is driven by it."""
    call = getattr(names.get("dependant"), "call", None)
    code = getattr(inspect.unwrap(call), "__code__", None) if inspect.isfunction(call) else None
    if code is None or not application.owns(code):
        return None
    return Location(code.co_filename, code.co_firstlineno, code.co_name)


def _headed(endpoint: Location) -> Location:
    """The line of ``def``; the code begins with its decorators."""
    for line in range(endpoint.line, endpoint.line + DECORATORS):
        if linecache.getline(endpoint.file, line).lstrip().startswith(("def ", "async ")):
            return endpoint._replace(line=line)
    return endpoint


_endpoints = interpreting("dependant", _written, _headed)

ABOUT = About(
    "FastAPI",
    ">=0.115.2",
    "`dependencies` each by name, `validation`, `handler`,"
    " `serialization` (validation of the response, dump, rendering)",
    "code after `yield` in a dependency (`other`)",
)

PATCHES = {
    "fastapi.routing": (
        Patch("get_request_handler", _endpoints, reads=True),
        Patch("solve_dependencies", _solve),
        Patch("run_endpoint_function", both(bordering, timed("handler", _endpoint))),
        Patch("serialize_response", timed("serialization", "serialize_response")),
        Patch("APIRoute.handle", both(fronting, _api_route)),
        Patch("APIWebSocketRoute.handle", both(fronting, _websocket_route)),
    ),
    "fastapi.dependencies.utils": (
        Patch("solve_dependencies", _solve),
        Patch("request_params_to_args", _parameters),
        Patch("request_body_to_args", _body),
    ),
    "fastapi._compat": _FIELDS,
}
