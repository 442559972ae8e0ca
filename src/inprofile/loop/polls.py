"""When a loop of the standard library is idle: how long it waits in its selector."""

import time
from collections.abc import Callable
from typing import Any

from inprofile.core.event_loop import EventLoop

ROUNDS = 4
"""Of the loop, so often it is noted how late it is: in one it sees that a request has come, and in
the next one or two the server begins it."""

IDLE_NS = 20_000
"""A call of the selector that takes longer has waited: there was nothing to do."""


class Polls:
    """Times the selector of one event loop, and tells the loop until when it was idle.

    ``idle_ns`` is how long it was so far. Costs 0.4 microseconds a round of the loop in which it
    may wait, and 0.2 where somebody is ready; 3 while it dozes.
    """

    def __init__(
        self, known: EventLoop, selector: Any, clock: Callable[[], int] = time.perf_counter_ns
    ) -> None:
        self.idle_ns = 0
        self._since_ns = 0
        self._clock = clock
        self._selector = selector
        select = selector.select

        rounds = before_ns = 0

        def timed(timeout: float | None = None) -> Any:
            nonlocal rounds, before_ns
            rounds += 1
            if not rounds % ROUNDS:
                known.came_ns, before_ns = before_ns, clock()
            round_ns = known.round_ns
            if round_ns:
                now_ns = clock()
                known.round_ns = 0 if timeout != 0 else now_ns
                if now_ns - round_ns >= known.block_ns:
                    known.late(round_ns, now_ns)
                if timeout != 0:
                    known.rests()
            if timeout == 0:  # somebody is ready
                return select(timeout)
            self._since_ns = start_ns = clock()
            events = select(timeout)
            end_ns = clock()
            self._since_ns = 0
            if end_ns - start_ns > IDLE_NS:
                self.idle_ns += end_ns - start_ns
                known.idle_ns = end_ns
            if known.dozes:
                known.round_ns = end_ns
                known.stirs()
            return events

        self._timed = timed
        selector.select = timed
        known.is_polled = True

    @classmethod
    def of(cls, known: EventLoop, loop: Any) -> "Polls | None":
        """Those of ``loop``; None for one that is not the standard library's (uvloop)."""
        selector = getattr(loop, "_selector", None)
        if selector is None or "select" in getattr(selector, "__dict__", {"select": None}):
            return None
        return cls(known, selector)

    def idle_until_now(self) -> int:
        """How long the loop was idle, with the wait that is under way; from any thread."""
        since_ns, idle_ns = self._since_ns, self.idle_ns
        return idle_ns + (self._clock() - since_ns if since_ns else 0)

    def stop(self) -> None:
        """Leave the selector as it was; from any thread."""
        if vars(self._selector).get("select") is self._timed:
            del self._selector.select
