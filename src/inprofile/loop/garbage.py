"""Garbage collection: how long each one stops its thread, and whose request that hits."""

import gc
import time
from collections import deque
from collections.abc import Callable, Mapping
from threading import get_ident

from inprofile.core.guard import guard
from inprofile.core.recorder import recording, shift

LONG_NS = 1_000_000
"""Collections of this length are remembered, for the pauses that they are part of."""

MAX_LONG = 64

MAX_WAITING = 10_000
"""Collections that wait to be counted."""


class Garbage:
    """Times garbage collection, from ``start`` to ``stop``.

    A collection is stage ``gc`` of the request in whose thread it happens. ``waiting`` has the
    generation and the nanoseconds of those that are to be counted: a collection may strike
    anywhere, also in the midst of counting. Costs 2 microseconds a collection.
    """

    def __init__(self, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        self._clock = clock
        self.waiting: deque[tuple[int, int]] = deque(maxlen=MAX_WAITING)
        self._begun_ns: dict[int, int] = {}
        self.long: deque[tuple[int, int, int]] = deque(maxlen=MAX_LONG)

    def start(self) -> None:
        """Be told of each collection from now on."""
        if self._collected not in gc.callbacks:
            gc.callbacks.append(self._collected)

    def stop(self) -> None:
        """Be told no more."""
        if self._collected in gc.callbacks:
            gc.callbacks.remove(self._collected)

    def _collected(self, phase: str, about: Mapping[str, int]) -> None:
        now_ns = self._clock()
        thread = get_ident()
        if phase == "start":
            self._begun_ns[thread] = now_ns
            return
        begun_ns = self._begun_ns.pop(thread, now_ns)
        with guard:
            self.waiting.append((about["generation"], now_ns - begun_ns))
            span = recording()
            if span is not None:
                shift(span, "gc", now_ns - begun_ns)
            if now_ns - begun_ns >= LONG_NS:
                self.long.append((thread, begun_ns, now_ns))

    def within_ns(self, thread: int, start_ns: int, end_ns: int) -> int:
        """How much of a time a thread has spent in long collections."""
        parts = (
            min(ended_ns, end_ns) - max(begun_ns, start_ns)
            for whose, begun_ns, ended_ns in list(self.long)
            if whose == thread
        )
        return sum(part for part in parts if part > 0)
