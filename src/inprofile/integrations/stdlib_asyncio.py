"""asyncio: where the tasks of a TaskGroup are started."""

import sys
from functools import wraps
from typing import Any

from inprofile.core.awaiting import Started, started
from inprofile.core.frames import stand
from inprofile.core.guard import guard
from inprofile.core.recorder import recording
from inprofile.integrations._about import About
from inprofile.integrations._patch import Patch
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


ABOUT = About(
    "asyncio",
    "stdlib",
    "nothing: which loop starts the tasks of a `TaskGroup`, for findings",
)

PATCHES = {"asyncio.taskgroups": (Patch("TaskGroup.create_task", _create_task),)}
