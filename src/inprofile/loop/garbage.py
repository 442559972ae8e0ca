"""Garbage collection: how long each one stops its thread, and whose request that hits."""

import gc
import time
from collections import deque
from collections.abc import Callable, Mapping
from threading import get_ident
from typing import NamedTuple

from inprofile.core.guard import guard
from inprofile.core.recorder import recording, shift

LONG_NS = 1_000_000
"""Collections of this length are remembered, for the pauses that they are part of."""

MAX_LONG = 64

MAX_WAITING = 10_000
"""Collections that wait to be counted."""


class Collection(NamedTuple):
    """A long collection. ``is_due`` says that it came by itself; else somebody has asked for it."""

    thread: int
    start_ns: int
    end_ns: int
    is_due: bool


class Garbage:
    """Times garbage collection, from ``start`` to ``stop``.

    A collection is stage ``gc`` of the request in whose thread it happens. ``waiting`` has the
    generation and the nanoseconds of those that are to be counted: a collection may strike
    anywhere, also in the midst of counting. Costs 2 microseconds a collection.
    """

    def __init__(self, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        self._clock = clock
        self.waiting: deque[tuple[int, int]] = deque(maxlen=MAX_WAITING)
        self._begun: dict[int, tuple[int, bool]] = {}
        self.long: deque[Collection] = deque(maxlen=MAX_LONG)

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
            # Nobody has asked for one that is due: it comes with the objects of everybody.
            self._begun[thread] = now_ns, gc.get_count()[0] > gc.get_threshold()[0]
            return
        begun_ns, is_due = self._begun.pop(thread, (now_ns, False))
        with guard:
            self.waiting.append((about["generation"], now_ns - begun_ns))
            span = recording()
            if span is not None:
                shift(span, "gc", now_ns - begun_ns)
            if now_ns - begun_ns >= LONG_NS:
                self.long.append(Collection(thread, begun_ns, now_ns, is_due))

    def within(self, thread: int, start_ns: int, end_ns: int) -> tuple[int, bool]:
        """How much of a time a thread has spent in long collections, and whether one was due."""
        spent_ns, any_due = 0, False
        for one in list(self.long):
            part_ns = min(one.end_ns, end_ns) - max(one.start_ns, start_ns)
            if one.thread == thread and part_ns > 0:
                spent_ns += part_ns
                any_due |= one.is_due
        return spent_ns, any_due
