"""How busy an event loop is: its utilization, its tasks, and the callbacks that are ready."""

import asyncio
import time
from typing import Any, NamedTuple

from inprofile.core.event_loop import EventLoop
from inprofile.loop.polls import Polls
from inprofile.loop.usage import ThreadUsage

SELECTOR, ESTIMATE = "selector", "estimate"


class Load(NamedTuple):
    """``utilization`` (0...1) is of the time since it was last asked; ``method`` how it is known.

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
        self._last_ns, self._last = time.perf_counter_ns(), self._reading()

    def read(self) -> Load:
        """The load since the last time."""
        now_ns, now = time.perf_counter_ns(), self._reading()
        elapsed_ns, spent = now_ns - self._last_ns, None
        if now is not None and self._last is not None and elapsed_ns > 0:
            spent = (now - self._last) / elapsed_ns
        self._last_ns, self._last = now_ns, now
        loop = self._known.loop()
        if self._polls is None:
            part, method = spent, ESTIMATE
        else:
            part, method = None if spent is None else 1 - spent, SELECTOR
        utilization = None if part is None else min(max(part, 0.0), 1.0)
        return Load(utilization, method, _tasks(loop), _ready(loop))

    def _reading(self) -> int | None:
        """Nanoseconds idle where that is known, and else of processor time."""
        return self._usage.read().thread_ns if self._polls is None else self._polls.idle_until_now()


def _tasks(loop: Any) -> int | None:
    """The tasks that are alive, of all loops of the process: counting one's own takes a walk.

    asyncio keeps them where only ``all_tasks`` is meant to look; 3.14 keeps them elsewhere.
    """
    tasks = asyncio.tasks
    known = getattr(tasks, "_scheduled_tasks", None) or getattr(tasks, "_all_tasks", None)
    if known is None or hasattr(tasks, "_current_tasks_by_thread") or loop is None:
        return None
    return len(known) + len(getattr(tasks, "_eager_tasks", ()))


def _ready(loop: Any) -> int | None:
    ready = getattr(loop, "_ready", None)
    return None if ready is None else len(ready)
