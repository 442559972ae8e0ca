"""Objects that other tools put around functions, which pretend to be them: wrapt's, say.

OpenTelemetry's instrumentors, Datadog and New Relic work in this way. What such an object is
given is what the tool sees: whether an argument came by position or by name, and of a method the
instance, which only binding tells it.
"""

import inspect
from collections.abc import Callable
from functools import wraps
from types import MethodType
from typing import Any

Function = Callable[..., Any]


def is_proxy(function: Any) -> bool:
    """Whether this is an object that pretends to be another."""
    return type(function) is not function.__class__


def is_foreign(function: Any) -> bool:
    """Whether this is such an object, or what ``unbound`` made of one."""
    return is_proxy(function) or is_proxy(getattr(function, "__wrapped__", function))


def signature(function: Any) -> inspect.Signature:
    """The parameters of what is below another tool's object, as its own code declares them."""
    below = function if is_proxy(function) else function.__wrapped__
    return inspect.signature(below, follow_wrapped=False)


def unbound(found: Any) -> Any:
    """What a class has by a name, callable like the function that it pretends to be."""
    if not is_proxy(found) or not hasattr(type(found), "__get__"):
        return found
    # wrapt puts a class method back bound, and who comes then puts an object around that.
    is_of_class = isinstance(found, classmethod | MethodType)
    if is_of_class:
        return classmethod(_unbound(found.__func__, lambda cls: found.__get__(None, cls)))
    return _unbound(found, lambda self: found.__get__(self, type(self)))


def _unbound(found: Any, bind: Callable[[Any], Function]) -> Function:
    if inspect.iscoroutinefunction(found):

        async def call_later(*args: Any, **kwargs: Any) -> Any:
            return await bind(args[0])(*args[1:], **kwargs)

        return wraps(found)(call_later)

    def call(*args: Any, **kwargs: Any) -> Any:
        return bind(args[0])(*args[1:], **kwargs)

    return wraps(found)(call)
