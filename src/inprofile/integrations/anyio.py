"""AnyIO: how long a ``def`` endpoint or dependency waits for a worker thread."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from inprofile.core.awaiting import Waiting, waits
from inprofile.core.guard import guard
from inprofile.core.model import Span
from inprofile.core.recorder import add_span, recording
from inprofile.core.working import Working
from inprofile.integrations._about import About
from inprofile.integrations._patch import Patch
from inprofile.integrations._reading import working
from inprofile.integrations._signature import Function


class _Submitted:
    """A function on its way to a worker thread; the wait ends where it begins to run."""

    __slots__ = ("function", "parent", "start_ns", "waits")

    def __init__(self, function: Callable[..., Any], parent: Span) -> None:
        self.function = function
        self.parent = parent
        self.waits = True
        self.start_ns = parent.trace.clock()

    def __call__(self, *args: Any) -> Any:
        self.waited()
        return Working(self.function, self.parent.trace)(*args)

    def waited(self) -> None:
        """Record the wait, unless that is done."""
        trace = self.parent.trace
        if self.waits and not trace.finished:
            with guard:
                self.waits = False
                add_span(self.parent, "threadpool_wait", "worker", self.start_ns, trace.clock())


def _run_sync(original: Function) -> Function:
    @wraps(original)
    async def run_sync(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        parent = recording()
        if parent is None:
            return await original(func, *args, **kwargs)
        submitted = _Submitted(func, parent)
        before = waits.get()
        waiter = Waiting(sys._getframe())  # noqa: SLF001 - who waits
        waits.set(waiter)
        try:
            return await original(submitted, *args, **kwargs)
        except BaseException:
            submitted.waited()  # cancelled before a thread was free
            raise
        finally:
            waits.set(before)
            waiter.over()

    return run_sync


ABOUT = About(
    "AnyIO",
    ">=4.4",
    "`threadpool_wait`: how long a function waits for a worker thread",
)

PATCHES = {
    "anyio.to_thread": (Patch("run_sync", _run_sync),),
    "anyio._backends._asyncio": (Patch("WorkerThread.run", working, reads=True),),
}
