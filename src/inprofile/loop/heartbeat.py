"""How late an event loop is: the lag of a timer of ours, at moments that it cannot choose."""

import math
import random
import time
from collections.abc import Callable
from contextvars import Context
from functools import partial
from typing import Any

from inprofile.core.event_loop import EventLoop
from inprofile.core.guard import guard

INTERVAL_NS = 50_000_000
"""Between two beats on average. They come at random and as if no block had been: what beats in time
with a block that repeats would always meet it, or never. So the lag that is seen is the lag that
anybody sees (https://en.wikipedia.org/wiki/Arrival_theorem)."""

QUIET_NS = 250_000_000
"""When no request has done anything for so long, the loop dozes."""

DOZING = 20
"""Times the interval between two beats is what it is then, and so often each of them counts."""

LEAST_NS = 1_000_000
"""After which a timer can be had of every loop: some round to milliseconds."""

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
    loop was held up: each moment of a block has the same say. Costs 30 microseconds a beat, and
    while the loop dozes there is one a second: what comes then counts for those that are left out.
    """

    def __init__(
        self,
        known: EventLoop,
        observe: Observe,
        clock: Callable[[], int] = time.perf_counter_ns,
        after: Later = later,
    ) -> None:
        self.known = known
        self._observe = observe
        self._clock = clock
        self._drawn = random.Random().random  # noqa: S311 - moments to look at
        self._after = after
        self._before_ns = 0
        self._counts = 1
        self._latest = 0
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
        self.known.due_ns = 1 << 62

    def hurry(self) -> None:
        """The loop dozes no more: do not wait for a beat that is due much later."""
        now_ns = self._clock()
        if self._counts > 1 and now_ns < self.known.due_ns and not self.is_stopped:
            self._schedule(now_ns + self._interval_ns(), now_ns)

    def _beat(self, number: int) -> None:
        """The timer has come."""
        if self.is_stopped or number != self._latest:
            return
        with guard:
            known, now_ns = self.known, self._clock()
            due_ns = known.due_ns
            if now_ns < due_ns:  # uvloop rounds: a block could still begin before it is due
                self._schedule(due_ns, now_ns, self._counts)
                return
            halted, self.was_halted = self.was_halted, False
            if not known.is_polled:
                known.came_ns, self._before_ns = self._before_ns, now_ns
            if not halted:
                self._count(due_ns, now_ns)
                if known.is_polled or self._counts == 1:
                    known.late(due_ns, now_ns)  # else nobody has looked: it may have been halted
            if known.running is None and now_ns - known.ended_ns >= QUIET_NS:
                known.dozes = True
                if known.is_polled:  # this round is not over
                    known.round_ns = known.round_ns or now_ns
            counts = DOZING if known.dozes else 1
            self._schedule(now_ns + counts * self._interval_ns(), now_ns, counts)

    def _count(self, due_ns: int, now_ns: int) -> None:
        """Observe the beat that was due, and those that would have been since then."""
        for _ in range(self._counts):
            self._observe(now_ns - due_ns)
        for _ in range(MOST_MISSED):
            due_ns += self._interval_ns()
            if due_ns > now_ns:
                break
            self._observe(now_ns - due_ns)

    def _interval_ns(self) -> int:
        """One of a Poisson process, but for the longest."""
        return round(INTERVAL_NS * min(-math.log(1.0 - self._drawn()), LONGEST))

    def _schedule(self, due_ns: int, now_ns: int, counts: int = 1) -> None:
        loop = self.known.loop()
        self.known.due_ns = due_ns
        self._counts = counts
        self._latest += 1
        beat = partial(self._beat, self._latest)
        after_ns = max(due_ns - now_ns, LEAST_NS)
        if loop is None or not self._after(loop, after_ns / 1e9, beat):
            self.stop()
