"""Connection pools: what each holds now, and how long its connections were waited for and used.

Integrations say what happens, also outside of a trace: a connection is often given back after
the response. What they say waits here until the next tick writes it into the worker's cells, so
that a loan and its return cost three microseconds together. What a pool holds is read at that
moment, from the pool.
"""

import time
import weakref
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from typing import Any, NamedTuple

from inprofile.core.cells import Cells, Key
from inprofile.core.guard import guard
from inprofile.core.metrics import (
    CONNECTIONS,
    DROPPED,
    MAX_CONNECTIONS,
    PENDING,
    TIMEOUTS,
    USE_TIME,
    WAIT_TIME,
    Family,
)

MAX_POOLS = 1000
MAX_SAMPLES = 100_000
"""Pools that are known and times that wait for the next tick, at most."""


class Size(NamedTuple):
    """What an open pool says of itself; ``largest`` is None where there is no limit."""

    idle: int
    largest: int | None


Look = Callable[[Any], Size | None]
"""The size of a pool, or None once it is closed."""


class Pool:
    """One pool of the app's: ``anchor`` lives as long as it does, and is what ``look`` is given."""

    __slots__ = ("anchor", "look", "name", "waiting")

    def __init__(self, anchor: Any, name: str, look: Look) -> None:
        self.anchor = weakref.ref(anchor)
        self.name = name
        self.look = look
        self.waiting: list[None] = []

    def size(self) -> Size | None:
        """What it says of itself, or None when it is closed or gone."""
        anchor = self.anchor()
        return None if anchor is None else self.look(anchor)


class Pools:
    """Every pool of this process from which a connection was borrowed.

    ``clock`` counts monotonic nanoseconds. Nothing here takes a lock: lists, dicts and deques
    are changed by single operations.
    """

    def __init__(self, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        self.clock = clock
        self._known: dict[int, Pool] = {}
        self._held: dict[int, tuple[Pool, int]] = {}
        self._samples: deque[tuple[Family, str, int]] = deque()
        self._dropped = 0
        self._cells: Cells | None = None
        self._written: set[tuple[Family, Key]] = set()

    def of(self, anchor: object) -> Pool | None:
        """The pool that has this anchor, if it is known."""
        pool = self._known.get(id(anchor))
        return pool if pool is not None and pool.anchor() is anchor else None

    def add(self, anchor: object, name: str, look: Look) -> Pool:
        """Know a pool from now on."""
        pool = Pool(anchor, name, look)
        if len(self._known) >= MAX_POOLS:
            return pool
        known = self._known.setdefault(id(anchor), pool)  # another thread may have been faster
        if known.anchor() is not anchor:
            known = self._known[id(anchor)] = pool
        return known

    def lent(self, pool: Pool, connection: object, asked_ns: int) -> None:
        """``pool`` was asked at ``asked_ns`` and has just lent ``connection``."""
        now_ns = self.clock()
        self._held[id(connection)] = pool, now_ns
        if len(self._samples) < MAX_SAMPLES:
            self._samples.append((WAIT_TIME, pool.name, now_ns - asked_ns))
        else:
            self._dropped += 1

    def refused(self, pool: Pool) -> None:
        """``pool`` had no connection to lend in time."""
        self._sample(TIMEOUTS, pool.name, 1)

    def returned(self, connection: object) -> None:
        """A connection goes back to its pool; one that we saw nobody borrow is nothing to us."""
        found = self._held.pop(id(connection), None)
        if found is not None:
            self._sample(USE_TIME, found[0].name, self.clock() - found[1])

    def _sample(self, family: Family, name: str, amount: int) -> None:
        if len(self._samples) < MAX_SAMPLES:
            self._samples.append((family, name, amount))
        else:
            self._dropped += 1

    def forget(self) -> None:
        """Know no pool: nobody looks any more, or this is another process than it was."""
        self._known.clear()
        self._held.clear()
        self._samples.clear()
        self._written.clear()
        self._cells = None

    def write(self, cells: Cells) -> None:
        """Bring ``cells`` up to date."""
        if not self._known and not self._samples and not self._written:
            return
        held = self._now()
        with cells.lock:
            if cells is not self._cells:
                self._cells = cells
                self._written.clear()
            self._gauge(cells, held)
            while self._samples:
                family, name, amount = self._samples.popleft()
                offset = cells.offset(family, (name,))
                (cells.add if family is TIMEOUTS else cells.observe)(offset, amount)
            if self._dropped:
                cells.add(cells.offset(DROPPED, ("pool times",)), self._dropped)
                self._dropped = 0

    def _now(self) -> dict[tuple[Family, Key], int]:
        """Every gauge; pools of one name are added up, closed ones forgotten."""
        found: dict[tuple[Family, Key], int] = defaultdict(int)
        held = Counter(id(pool) for pool, _ in list(self._held.values()))
        for key, pool in list(self._known.items()):
            size = None
            with guard:
                size = pool.size()
            if size is None:
                self._known.pop(key, None)
                continue
            found[CONNECTIONS, (pool.name, "idle")] += size.idle
            found[CONNECTIONS, (pool.name, "used")] += held[id(pool)]
            found[PENDING, (pool.name,)] += len(pool.waiting)
            if size.largest is not None:
                found[MAX_CONNECTIONS, (pool.name,)] += size.largest
        return found

    def _gauge(self, cells: Cells, found: dict[tuple[Family, Key], int]) -> None:
        """Series that a cap turned away share one; those of pools that are gone become zero."""
        values: dict[int, int] = defaultdict(int)
        for family, labels in self._written | found.keys():
            values[cells.offset(family, labels)] += found.get((family, labels), 0)
        for offset, value in values.items():
            cells.put(offset, value)
        self._written = set(found)


pools = Pools()
