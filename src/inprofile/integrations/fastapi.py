"""FastAPI: dependencies by name, validation, endpoints and the parts of serialization.

Dependencies are called inside of one long function of FastAPI's. Wrapping them would change
what they are keyed by, so their time is told from what surrounds them: that function calls
itself for a dependency's own dependencies right before it calls the dependency, and parses
parameters right after the last one.
"""

from functools import lru_cache, wraps
from typing import Any

from inprofile.core.guard import guard
from inprofile.core.model import Span, Trace
from inprofile.core.recorder import close_span, current, open_span, recording
from inprofile.integrations._patch import Function, Named, Patch, qualified, timed
from inprofile.integrations.starlette import routed


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
        span = None
        if kwargs["dependant"].dependencies:
            span = open_span(parent, "dependencies", "(solving)")
        try:
            return await original(**kwargs)
        finally:
            if parent.trace.section is not None:
                _end_section(parent)
            if span is not None:
                close_span(span)

    return solve_dependencies


async def _solve_one(original: Function, parent: Span, kwargs: dict[str, Any]) -> Any:
    """The dependencies of one dependency, after which FastAPI calls it."""
    _end_section(parent)
    result = await original(**kwargs)
    with guard:
        _end_section(parent)
        dependant = kwargs["dependant"]
        if not result.errors and not _is_cached(dependant, kwargs["dependency_cache"]):
            _section(parent.trace, "dependencies", qualified(dependant.call))
    return result


def _is_cached(dependant: Any, cache: Any) -> bool:
    return bool(cache) and dependant.use_cache and any(key[0] is dependant.call for key in cache)


def _section(trace: Trace, kind: str, name: str) -> None:
    parent = current.get()
    if parent is not None:
        trace.section = open_span(parent, kind, name)


def _end_section(span: Span | None) -> None:
    if span is not None:
        section, span.trace.section = span.trace.section, None
        if section is not None and not section.end_ns:
            close_span(section)


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
            _end_section(span)
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

PATCHES = {
    "fastapi.routing": (
        Patch("solve_dependencies", _solve),
        Patch("run_endpoint_function", timed("handler", _endpoint)),
        Patch("serialize_response", timed("serialization", "serialize_response")),
        Patch("APIRoute.handle", _api_route),
        Patch("APIWebSocketRoute.handle", _api_route),
    ),
    "fastapi.dependencies.utils": (
        Patch("solve_dependencies", _solve),
        Patch("request_params_to_args", _parameters),
        Patch("request_body_to_args", _body),
    ),
    "fastapi._compat": _FIELDS,
}
