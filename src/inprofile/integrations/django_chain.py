"""Django's chain of middleware: each one gets its own time."""

import inspect
from collections.abc import Iterable, Iterator
from functools import partial
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any

from inprofile.core.model import Span
from inprofile.core.recorder import current, fold_closed
from inprofile.integrations._patch import qualified
from inprofile.integrations._signature import Function

DEPTH = 3
"""How far inside of a middleware the next one is looked for: in what it wraps, say."""

ADAPTED = ("func", "awaitable")
"""Where asgiref's adapters keep what they call; they also have whatever else it has."""


def put_layers(handler: Any) -> None:
    """Put each middleware of a handler into a layer that times it, once.

    Django wraps each middleware in a function of its own, in which it is the only free
    variable. The layers go there, whenever the handler was made and whatever a middleware is:
    the users' objects stay as they are.
    """
    is_async = False
    for cell, inner in _links(handler._middleware_chain):  # noqa: SLF001 - Django has no other
        middleware = cell.cell_contents
        if isinstance(middleware, Layer):
            return
        waits = inspect.iscoroutinefunction(inner)
        if getattr(middleware, "__self__", None) is handler:
            is_async = waits
            cell.cell_contents = _layer(middleware, "other", "application", waits=waits)
            break
        cell.cell_contents = _layer(middleware, "middleware", _name(middleware), waits=waits)
    _put_into(handler._view_middleware, waits=is_async)  # noqa: SLF001
    _put_into(handler._exception_middleware, waits=False)  # noqa: SLF001


def _put_into(methods: list[Any], *, waits: bool) -> None:
    methods[:] = [_layer(one, "middleware", _name(one), waits=waits) for one in methods]


class Layer:
    """A middleware as a span, opened and closed in place: every request passes a dozen of these."""

    def __init__(self, call: Function, kind: str, name: str) -> None:
        self.call = call
        self.kind = kind
        self.name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        parent = current.get()
        if parent is None or parent.trace.finished:
            return self.call(*args, **kwargs)
        trace = parent.trace
        clock = trace.clock
        span = Span(trace, parent, self.kind, self.name, None, clock())
        current.set(span)
        try:
            return self.call(*args, **kwargs)
        except BaseException as error:
            span.error = type(error).__name__
            raise
        finally:
            current.set(parent)
            if not trace.finished:
                span.end_ns = clock()
                if len(trace.spans) < trace.limit:
                    trace.spans.append(span)
                else:
                    fold_closed(span)


class AsyncLayer(Layer):
    """A middleware that is awaited as a span."""

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        parent = current.get()
        if parent is None or parent.trace.finished:
            return await self.call(*args, **kwargs)
        trace = parent.trace
        clock = trace.clock
        span = Span(trace, parent, self.kind, self.name, None, clock())
        current.set(span)
        try:
            return await self.call(*args, **kwargs)
        except BaseException as error:
            span.error = type(error).__name__
            raise
        finally:
            current.set(parent)
            if not trace.finished:
                span.end_ns = clock()
                if len(trace.spans) < trace.limit:
                    trace.spans.append(span)
                else:
                    fold_closed(span)


def _layer(call: Function, kind: str, name: str, *, waits: bool) -> Layer:
    return (AsyncLayer if waits else Layer)(call, kind, name)


def _name(middleware: Any) -> str:
    """The name of a middleware's class, of its factory, or of one of its methods."""
    held = getattr(middleware, "__dict__", {})
    for name in ADAPTED:
        middleware = held.get(name, middleware)
    return qualified(middleware).partition(".<locals>")[0]


def _links(chain: Any) -> Iterator[tuple[CellType, FunctionType]]:
    """Each of Django's functions around a middleware, with where the middleware is kept."""
    found = _find([chain], _wrappers(), DEPTH)
    while found is not None:
        cell = (found.__closure__ or ())[0]
        middleware = cell.cell_contents
        yield cell, found
        found = _find(_inside(middleware), _wrappers(), DEPTH)


def _wrappers() -> frozenset[CodeType]:
    from django.core.handlers.exception import convert_exception_to_response

    code = inspect.unwrap(convert_exception_to_response).__code__
    return frozenset(
        one
        for one in code.co_consts
        if isinstance(one, CodeType) and one.co_freevars == ("get_response",)
    )


def _find(objects: Iterable[Any], codes: frozenset[CodeType], depth: int) -> FunctionType | None:
    """The first function with one of the codes among ``objects`` and what they hold."""
    objects = list(objects)
    for one in objects:
        if isinstance(one, FunctionType) and one.__code__ in codes:
            return one
    if depth:
        for one in objects:
            found = _find(_inside(one), codes, depth - 1)
            if found is not None:
                return found
    return None


def _inside(one: Any) -> list[Any]:
    """What a callable holds that may be the next one."""
    if isinstance(one, FunctionType):
        return [cell.cell_contents for cell in one.__closure__ or () if _is_filled(cell)]
    if isinstance(one, MethodType):
        return [one.__self__]
    if isinstance(one, partial):
        return [one.func]
    held = getattr(one, "__dict__", {})
    first = [held[name] for name in ADAPTED if name in held]
    return first + [other for other in held.values() if callable(other)]


def _is_filled(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - an empty one raises
    except ValueError:
        return False
    return True
