"""asgiref: how long a sync function called from async code waits for its thread."""

import sys
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any

from inprofile.core.awaiting import Waiting, called, waits
from inprofile.core.frames import stand
from inprofile.core.guard import guard
from inprofile.core.recorder import add_span, recording
from inprofile.core.working import Working
from inprofile.integrations._about import About
from inprofile.integrations._patch import Patch
from inprofile.integrations._reading import working
from inprofile.integrations._signature import Function

_submitted: ContextVar[int] = ContextVar("inprofile_submitted", default=0)
"""Since when the function waits whose context this is, in nanoseconds of its trace's clock."""


def _call(original: Function) -> Function:
    @wraps(original)
    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        parent = recording()
        if parent is None:
            return await original(self, *args, **kwargs)
        before = _submitted.get(), waits.get()
        _submitted.set(parent.trace.clock())
        waiter = Waiting(sys._getframe())  # noqa: SLF001 - who waits
        waits.set(waiter)
        try:
            return await original(self, *args, **kwargs)
        finally:
            _submitted.set(before[0])
            waits.set(before[1])
            waiter.over()

    return call


def _call_async(original: Function) -> Function:
    """Synchronous code that waits for a coroutine, which may run in another thread."""

    @wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        span = recording()
        if span is None:
            return original(self, *args, **kwargs)
        before = called.get()
        with guard:
            trace = span.trace
            trace.foreign = trace.foreign or {}
            here, _ = stand(sys._getframe(1), trace.foreign)  # noqa: SLF001 - the line that waits
            called.set(here)
        try:
            return original(self, *args, **kwargs)
        finally:
            called.set(before)

    return call


def _thread_handler(original: Function) -> Function:
    """Runs in the thread, and there calls its last argument in the caller's context."""

    @wraps(original)
    def thread_handler(self: Any, *args: Any, **kwargs: Any) -> Any:
        return original(self, *args[:-1], _Arrived(args[-1]), **kwargs)

    return thread_handler


class _Arrived:
    """A function whose wait ends where it begins to run."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        function, parent = self.function, recording()
        if parent is not None:
            function = Working(function, parent.trace)
            with guard:
                since_ns = _submitted.get()
                if since_ns:
                    _submitted.set(0)
                    add_span(parent, "threadpool_wait", "thread", since_ns, parent.trace.clock())
        return function(*args, **kwargs)


ABOUT = About(
    "asgiref",
    ">=3.8",
    "`threadpool_wait`: how long `sync_to_async` waits for its thread",
    "how long `async_to_sync` waits for the event loop",
)

PATCHES = {
    "asgiref.sync": (
        Patch("AsyncToSync.__call__", _call_async),
        Patch("SyncToAsync.__call__", _call),
        Patch("SyncToAsync.thread_handler", _thread_handler),
    ),
    "asgiref.current_thread_executor": (
        Patch("CurrentThreadExecutor.run_until_future", working, reads=True),
    ),
}
