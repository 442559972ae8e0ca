"""For whom a thread works: the trace whose task has handed it what it runs."""

from collections.abc import Callable
from threading import get_ident
from typing import Any

from inprofile.core.model import Trace


class Working:
    """A function that a thread is to run for ``trace``, which is known while it does.

    Costs 0.5 microseconds a call.
    """

    __slots__ = ("function", "trace")

    def __init__(self, function: Callable[..., Any], trace: Trace) -> None:
        self.function = function
        self.trace = trace

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        loops = self.trace.recorder.loops
        if loops is None:
            return self.function(*args, **kwargs)
        working, thread = loops.working, get_ident()
        before = working.get(thread)
        working[thread] = self.trace
        try:
            return self.function(*args, **kwargs)
        finally:
            if before is None:
                working.pop(thread, None)
            else:
                working[thread] = before
