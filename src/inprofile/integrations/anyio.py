"""AnyIO: how long a ``def`` endpoint or dependency waits for a worker thread."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from inprofile.core.guard import guard
from inprofile.core.model import Span
from inprofile.core.recorder import add_span, recording
from inprofile.integrations._patch import Function, Patch


class _Submitted:
    """A function on its way to a worker thread; the wait ends where it begins to run."""

    __slots__ = ("function", "parent", "start_ns")

    def __init__(self, function: Callable[..., Any], parent: Span) -> None:
        self.function = function
        self.parent = parent
        self.start_ns = parent.trace.clock()

    def __call__(self, *args: Any) -> Any:
        trace = self.parent.trace
        if not trace.finished:
            with guard:
                add_span(self.parent, "threadpool_wait", "worker", self.start_ns, trace.clock())
        return self.function(*args)


def _run_sync(original: Function) -> Function:
    @wraps(original)
    async def run_sync(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        parent = recording()
        if parent is not None:
            func = _Submitted(func, parent)
        return await original(func, *args, **kwargs)

    return run_sync


PATCHES = {"anyio.to_thread": (Patch("run_sync", _run_sync),)}
