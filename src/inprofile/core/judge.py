"""Looks at what finished with something suspect in it: counts it, and picks what is kept of it."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple

from inprofile.core.guard import guard
from inprofile.core.model import Finding, Trace

MAX_SITES = 4096
"""Problems known to this process by route; a trace is not kept for one that comes after them."""

MAX_ROUTES = 4096
"""Routes whose kept traces are counted; beyond them counting begins anew."""

AT_ONCE = 3
"""So many traces of a route are kept however soon they come: enough to see a count stay."""

FEW = 16
"""So many of a route are kept soon after each other: enough to see a count grow."""

LARGER = 2
"""A problem that happens so many times as often as it was ever seen to is as good as a new one."""

SOON_NS = 1_000_000_000
LATER_NS = 60_000_000_000
"""Between two kept traces of a route, from AT_ONCE to FEW and from then on."""

ANY_NS = 200_000_000
BURST = 20
"""Between two kept traces of any routes, on average; so many at once make no difference. To store
one takes the background thread 3 ms."""


class Sighting(NamedTuple):
    """One problem in one trace, which may not be worth a whole Finding.

    ``site`` tells it from others of its kind: its places and what it is about. ``times`` is how
    often it happened; ``finding`` makes the Finding, as long as the trace is not released.
    """

    kind: str
    site: Hashable
    times: int
    finding: Callable[[], Finding]


Look = Callable[[Trace], Iterable[Sighting]]


class Judge:
    """Counts the problems of every trace that it is shown; exactly, each once in a trace.

    A trace is worth keeping when one of its problems was never seen on this route, or never so
    large, and otherwise now and then. ``looks`` are detectors, ``count`` is told kind and route.
    ``silenced`` says which problems people want to hear nothing of; it is asked once about each,
    for it may read sources. Costs 25 microseconds for a trace with one loop of 200 queries in it.
    """

    def __init__(
        self,
        looks: Sequence[Look],
        count: Callable[[str, str], None],
        silenced: Callable[[Sighting], bool] = lambda _sighting: False,
    ) -> None:
        self.looks = looks
        self.count = count
        self.silenced = silenced
        self._largest: dict[tuple[str, str, Hashable], int] = {}  # 0: silenced
        self._kept: dict[str, tuple[int, int]] = {}
        self._any_ns = -(1 << 62)

    def __call__(self, trace: Trace) -> bool:
        """Whether to keep ``trace``, which has finished, for what is wrong with it."""
        route, known = trace.route, self._largest
        found = is_new = False
        for look in self.looks:
            with guard:
                for sighting in look(trace):
                    problem = route, sighting.kind, sighting.site
                    largest, times = known.get(problem), sighting.times
                    if largest is None:
                        largest = 0 if self.silenced(sighting) else times
                        if len(known) < MAX_SITES:
                            known[problem] = largest
                            is_new |= largest > 0
                    elif 0 < LARGER * largest <= times:
                        known[problem] = times
                        is_new = True
                    if largest:
                        found = True
                        self.count(sighting.kind, route)
        return found and self._is_due(route, trace.root.end_ns, is_new)

    def _is_due(self, route: str, now_ns: int, is_new: bool) -> bool:  # noqa: FBT001 - a fact
        count, next_ns = self._kept.get(route, (0, 0))
        any_ns = max(self._any_ns, now_ns - BURST * ANY_NS)
        if not is_new and now_ns < max(next_ns, any_ns):
            return False
        if len(self._kept) >= MAX_ROUTES:
            self._kept.clear()
        count += 1
        wait_ns = 0 if count < AT_ONCE else SOON_NS if count <= FEW else LATER_NS
        self._kept[route] = count, now_ns + wait_ns
        self._any_ns = any_ns + ANY_NS
        return True
