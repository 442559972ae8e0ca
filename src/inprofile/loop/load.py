"""How busy an event loop is: its utilization, its tasks, and the callbacks that are ready."""

import asyncio
import time
from collections import deque
from typing import Any, NamedTuple

from inprofile.core.event_loop import EventLoop
from inprofile.loop.polls import Polls
from inprofile.loop.usage import ThreadUsage

SELECTOR, ESTIMATE = "selector", "estimate"

APART_NS = 400_000_000
MAX_READINGS = 25
"""What is looked at in between says more of who looks than of the loop; together ten seconds."""


class Load(NamedTuple):
    """``utilization`` (0...1) is of the last ten seconds; ``method`` says how it is known.

    By the time in the selector it is exact, by the processor time of the loop's thread it is an
    estimate: a loop that is blocked uses none. None is what this version or loop does not tell.
    """

    utilization: float | None
    method: str
    tasks: int | None
    ready: int | None


class Gauge:
    """Reads the load of one event loop now and then; from any thread."""

    def __init__(self, known: EventLoop, polls: Polls | None, usage: ThreadUsage) -> None:
        self._known = known
        self._polls = polls
        self._usage = usage
        self._readings = deque([(time.perf_counter_ns(), self._reading())], maxlen=MAX_READINGS)

    def read(self) -> Load:
        """The load now."""
        now_ns, readings = time.perf_counter_ns(), self._readings
        if now_ns - readings[-1][0] >= APART_NS:
            readings.append((now_ns, self._reading()))
        (first_ns, first), (last_ns, last) = readings[0], readings[-1]
        part = None
        if first is not None and last is not None and last_ns > first_ns:
            part = (last - first) / (last_ns - first_ns)
        is_exact = self._polls is not None
        if part is not None:
            part = min(max(1 - part if is_exact else part, 0.0), 1.0)
        loop = self._known.loop()
        return Load(part, SELECTOR if is_exact else ESTIMATE, _tasks(loop), _ready(loop))

    def _reading(self) -> int | None:
        """Nanoseconds idle where that is known, and else of processor time."""
        return self._usage.read().thread_ns if self._polls is None else self._polls.idle_until_now()


def _tasks(loop: Any) -> int | None:
    """The tasks that are alive, of all loops of the process: counting one's own takes a walk.

    asyncio keeps them where only ``all_tasks`` is meant to look; 3.14 keeps them elsewhere.
    """
    tasks = asyncio.tasks
    known = getattr(tasks, "_scheduled_tasks", getattr(tasks, "_all_tasks", None))
    if known is None or hasattr(tasks, "_c_all_tasks") or loop is None:
        return None
    return len(known) + len(getattr(tasks, "_eager_tasks", ()))


def _ready(loop: Any) -> int | None:
    ready = getattr(loop, "_ready", None)
    return None if ready is None else len(ready)
