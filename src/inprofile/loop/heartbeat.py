"""How late an event loop is: the lag of a timer of ours, at moments that it cannot choose."""

import math
import random
import time
from collections.abc import Callable
from contextvars import Context
from typing import Any

from inprofile.core.event_loop import EventLoop
from inprofile.core.guard import guard

INTERVAL_NS = 50_000_000
"""Between two beats on average. They come at random and as if no block had been: what beats in time
with a block that repeats would always meet it, or never. So the lag that is seen is the lag that
anybody sees (https://en.wikipedia.org/wiki/Arrival_theorem)."""

LONGEST = 4
"""Times the average, at most."""

MOST_MISSED = 1000
"""Beats counted of one block: 50 seconds."""

Observe = Callable[[int], None]
Later = Callable[[Any, float, Callable[[], None]], bool]
"""Has a function called by a loop in so many seconds; whether that will be, or the loop is over."""


def later(loop: Any, delay_s: float, call: Callable[[], None]) -> bool:
    """The same for a loop of asyncio's kind; in nobody's context: a request would live on in it."""
    if loop.is_closed():
        return False
    loop.call_later(delay_s, call, context=Context())
    return True


class Heartbeat:
    """Beats in one event loop for as long as it runs.

    ``observe`` is given the lag in nanoseconds of each beat, also of those that were due while the
    loop was held up: each moment of a block has the same say. ``late`` is told when a beat was due
    and came of one that was so late that the loop was held up. Costs 30 microseconds a beat.
    """

    def __init__(
        self,
        known: EventLoop,
        observe: Observe,
        late: Callable[[int, int], None],
        clock: Callable[[], int] = time.perf_counter_ns,
        after: Later = later,
    ) -> None:
        self._known = known
        self._observe = observe
        self._late = late
        self._clock = clock
        self._drawn = random.Random().random  # noqa: S311 - moments to look at
        self._after = after
        self._before_ns = 0
        self.is_stopped = False
        self.was_halted = False
        """The loop was not running meanwhile, which is no lag; whoever sees that says so."""

    def start(self) -> None:
        """Begin, in the loop's own thread."""
        now_ns = self._clock()
        self._schedule(now_ns + self._interval_ns(), now_ns)

    def stop(self) -> None:
        """Beat no more. From any thread: a beat that is due finds nothing to do."""
        self.is_stopped = True
        self._known.due_ns = 1 << 62

    def beat(self) -> None:
        """The timer has come."""
        if self.is_stopped:
            return
        with guard:
            now_ns, due_ns = self._clock(), self._known.due_ns
            halted, self.was_halted = self.was_halted, False
            if not self._known.is_polled:
                self._known.came_ns, self._before_ns = self._before_ns, now_ns
            next_ns = due_ns
            for _ in range(MOST_MISSED):
                if not halted:
                    self._observe(max(now_ns - next_ns, 0))
                next_ns += self._interval_ns()
                if next_ns > now_ns:
                    break
            if not halted and now_ns - due_ns >= self._known.block_ns:
                self._late(due_ns, now_ns)
            self._schedule(max(next_ns, now_ns), now_ns)

    def _interval_ns(self) -> int:
        """One of a Poisson process, but for the longest."""
        return round(INTERVAL_NS * min(-math.log(1.0 - self._drawn()), LONGEST))

    def _schedule(self, due_ns: int, now_ns: int) -> None:
        loop = self._known.loop()
        self._known.due_ns = due_ns
        if loop is None or not self._after(loop, (due_ns - now_ns) / 1e9, self.beat):
            self.stop()
