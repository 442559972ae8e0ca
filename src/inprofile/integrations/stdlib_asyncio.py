"""asyncio: where tasks are started, and who waits for a thread."""

import asyncio
import sys
from functools import wraps
from types import CoroutineType, FrameType
from typing import Any

from inprofile.core.application import MAX_OUT, application
from inprofile.core.awaiting import Started, Waiting, started, waits
from inprofile.core.frames import is_asyncios, stand
from inprofile.core.guard import guard
from inprofile.core.model import Span
from inprofile.core.recorder import recording
from inprofile.core.steps import Child
from inprofile.core.working import Working
from inprofile.integrations._about import About
from inprofile.integrations._patch import Patch, Wrap
from inprofile.integrations._reading import working
from inprofile.integrations._signature import Function

MAX_STARTS = 64
"""Tasks of one trace for which it is noted from where they were started, some 10 microseconds for
each. A recording notes all."""


def _starting(*, in_group: bool) -> Wrap:
    """For what starts a task: notes from where, for the loop that does so again and again."""

    def wrap(original: Function) -> Function:
        @wraps(original)
        def create_task(self: Any, coro: Any, **kwargs: Any) -> Any:
            span = recording()
            if span is None:
                return _created(original(self, coro, **kwargs))
            before, start = started.get(), None
            with guard:
                coro = _child(span, self, coro)
                if before is None or not before.is_open:  # else it is being noted
                    start = _start(span, sys._getframe(1), in_group=in_group)  # noqa: SLF001 - who starts it
            if start is None:
                return _created(original(self, coro, **kwargs))
            started.set(start)
            try:
                task = _created(original(self, coro, **kwargs))
                with guard:
                    start.is_of(task)
                return task
            finally:
                started.set(before)

        return create_task

    return wrap


def _created(task: Any) -> Any:
    """The same; asyncio's debug mode says of it that it was created where it was without us."""
    source = getattr(task, "_source_traceback", None)
    if source:
        with guard:
            if source[-1].filename == __file__:
                del source[-1]
    return task


def _child(span: Span, loop: Any, coro: Any) -> Any:
    """The coroutine of a task that is started in ``span``, timed step by step."""
    trace = span.trace
    loops = trace.recorder.loops
    if loops is None or type(coro) is not CoroutineType:
        return coro
    known = loops.of(loop)
    return coro if known is None else Child(coro, trace, known)


def _start(span: Span, frame: FrameType, *, in_group: bool) -> Started | None:
    """Where the application starts a task; None where the event loop or ``gather`` does.

    For those who wait for them are known while they run. None, too, where it has started many.
    """
    if not in_group:
        caller: FrameType | None = frame
        while caller is not None and id(caller.f_code) in _STARTS:
            caller = caller.f_back
        if caller is None or not _is_applications(caller):
            return None
        frame = caller
    trace = span.trace
    trace.starts += 1
    if trace.starts > MAX_STARTS and not trace.recorder.thorough:
        return None
    trace.foreign = trace.foreign or {}
    here, _ = stand(frame, trace.foreign)
    return Started(here, in_group=in_group)


_STARTS = frozenset(
    id(function.__code__)
    for function in (
        asyncio.create_task,
        asyncio.ensure_future,
        getattr(asyncio.tasks, "_ensure_future", asyncio.ensure_future),
        asyncio.BaseEventLoop.create_task,
    )
)
"""What makes a task for its caller."""


def _is_applications(frame: FrameType | None) -> bool:
    """Whether the application is around ``frame``, with nothing of asyncio's between."""
    for _ in range(MAX_OUT):
        if frame is None or is_asyncios(frame.f_code):
            return False
        if application.owns(frame.f_code):
            return True
        frame = frame.f_back
    return False


def _to_thread(original: Function) -> Function:
    @wraps(original)
    async def to_thread(*args: Any, **kwargs: Any) -> Any:
        span = recording()
        if span is None:
            return await original(*args, **kwargs)
        if args and callable(args[0]):
            args = Working(args[0], span.trace), *args[1:]
        before = waits.get()
        waiter = Waiting(sys._getframe())  # noqa: SLF001 - who waits
        waits.set(waiter)
        try:
            return await original(*args, **kwargs)
        finally:
            waits.set(before)
            waiter.over()

    return to_thread


ABOUT = About(
    "asyncio",
    "stdlib",
    "nothing: which loop starts the tasks of a `TaskGroup` and threads, for findings",
)

_alone = _starting(in_group=False)

PATCHES = {
    "asyncio": (Patch("to_thread", _to_thread),),
    "asyncio.base_events": (Patch("BaseEventLoop.create_task", _alone),),
    "asyncio.taskgroups": (Patch("TaskGroup.create_task", _starting(in_group=True)),),
    "asyncio.threads": (Patch("to_thread", _to_thread),),
    "uvloop": (Patch("Loop.create_task", _alone),),
    "concurrent.futures.thread": (Patch("_worker", working, reads=True),),
}
