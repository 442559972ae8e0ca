"""asyncio: where the tasks of a TaskGroup are started, and who waits for a thread."""

import sys
from functools import wraps
from typing import Any

from inprofile.core.awaiting import Started, Waiting, started, waits
from inprofile.core.frames import stand
from inprofile.core.guard import guard
from inprofile.core.recorder import recording
from inprofile.integrations._about import About
from inprofile.integrations._patch import Patch
from inprofile.integrations._reading import working
from inprofile.integrations._signature import Function


def _create_task(original: Function) -> Function:
    @wraps(original)
    def create_task(*args: Any, **kwargs: Any) -> Any:
        span = recording()
        if span is None:
            return original(*args, **kwargs)
        before, start = started.get(), None
        with guard:
            trace = span.trace
            trace.foreign = trace.foreign or {}
            here, _ = stand(sys._getframe(1), trace.foreign)  # noqa: SLF001 - the line that starts it
            start = Started(here)
            started.set(start)
        try:
            task = original(*args, **kwargs)
            if start is not None:
                start.task = task
            return task
        finally:
            started.set(before)

    return create_task


def _to_thread(original: Function) -> Function:
    @wraps(original)
    async def to_thread(*args: Any, **kwargs: Any) -> Any:
        if recording() is None:
            return await original(*args, **kwargs)
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

PATCHES = {
    "asyncio": (Patch("to_thread", _to_thread),),
    "asyncio.taskgroups": (Patch("TaskGroup.create_task", _create_task),),
    "asyncio.threads": (Patch("to_thread", _to_thread),),
    "concurrent.futures.thread": (Patch("_worker", working, reads=True),),
}
