"""How late an event loop is: the lag of a timer of ours, at moments that it cannot choose."""

import random
import time
from collections.abc import Callable, Iterator
from contextvars import Context
from typing import Any

from inprofile.core.event_loop import EventLoop
from inprofile.core.guard import guard

INTERVAL_NS = 50_000_000
"""Between two beats on average. They come at random, as what beats in time with a block that
repeats would always or never meet it."""

MOST_MISSED = 1000
"""Beats counted of one block: 50 seconds."""

Observe = Callable[[int], None]


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
    ) -> None:
        self._known = known
        self._observe = observe
        self._late = late
        self._clock = clock
        self._drawn = random.Random().random  # noqa: S311 - moments to look at
        self._context = Context()  # nobody's: a request would live on in its own
        self._handle: Any = None
        self._before_ns = 0
        self.is_stopped = False
        self.was_halted = False
        """The loop was not running meanwhile, which is no lag; whoever sees that says so."""

    def start(self) -> None:
        """Begin, in the loop's own thread."""
        self._schedule(self._clock())

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
            if not halted:
                for missed_ns in self._due(due_ns, now_ns):
                    self._observe(max(now_ns - missed_ns, 0))
                if now_ns - due_ns >= self._known.block_ns:
                    self._late(due_ns, now_ns)
            self._schedule(now_ns)

    def _due(self, due_ns: int, now_ns: int) -> Iterator[int]:
        """When beats were due until now."""
        for _ in range(MOST_MISSED):
            yield due_ns
            due_ns += self._interval_ns()
            if due_ns > now_ns:
                break

    def _interval_ns(self) -> int:
        return round(INTERVAL_NS * (0.5 + self._drawn()))

    def _schedule(self, now_ns: int) -> None:
        loop = self._known.loop()
        if loop is None or loop.is_closed():
            self.stop()
            return
        interval_ns = self._interval_ns()
        self._known.due_ns = now_ns + interval_ns
        self._handle = loop.call_later(interval_ns / 1e9, self.beat, context=self._context)
