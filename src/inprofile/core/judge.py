"""Looks at what finished with something suspect in it: counts it, and picks what is kept of it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from inprofile.core.guard import guard
from inprofile.core.model import Trace

MAX_SITES = 4096
"""Problems known to this process by route; a trace is not kept for one that comes after them."""

MAX_ROUTES = 4096
"""Routes whose kept traces are counted; beyond them counting begins anew."""

FEW = 16
"""So many traces of a route are kept soon after each other: enough to see a count grow."""

SOON_NS = 1_000_000_000
LATER_NS = 60_000_000_000
"""Between two kept traces of a route, for its first FEW and from then on."""

ANY_NS = 200_000_000
BURST = 20
"""Between two kept traces of any routes, on average; so many at once make no difference. To store
one takes the background thread 3 ms."""

Problem = tuple[Any, ...]
"""What tells one problem from another: its kind first, then its places and what it is about."""

Look = Callable[[Trace], Iterable[Problem]]


class Judge:
    """Counts the problems of every trace that it is shown; exactly, each once in a trace.

    A trace is worth keeping when one of its problems was never seen on this route, and otherwise
    now and then. ``looks`` are detectors that name problems and no more; ``count`` is told kind
    and route. Costs 25 microseconds for a trace with one loop of 200 queries in it.
    """

    def __init__(self, looks: Sequence[Look], count: Callable[[str, str], None]) -> None:
        self.looks = looks
        self.count = count
        self._seen: set[tuple[str, Problem]] = set()
        self._kept: dict[str, tuple[int, int]] = {}
        self._any_ns = -(1 << 62)

    def __call__(self, trace: Trace) -> bool:
        """Whether to keep ``trace``, which has finished, for what is wrong with it."""
        route = trace.route
        found = is_new = False
        for look in self.looks:
            with guard:
                for problem in look(trace):
                    found = True
                    self.count(problem[0], route)
                    is_new |= self._meets(route, problem)
        return found and self._is_due(route, trace.root.end_ns, is_new)

    def _meets(self, route: str, problem: Problem) -> bool:
        """Whether this is the first time; then it is not any more."""
        seen = self._seen
        if (route, problem) in seen or len(seen) >= MAX_SITES:
            return False
        seen.add((route, problem))
        return True

    def _is_due(self, route: str, now_ns: int, is_new: bool) -> bool:  # noqa: FBT001 - a fact
        count, next_ns = self._kept.get(route, (0, 0))
        any_ns = max(self._any_ns, now_ns - BURST * ANY_NS)
        if not is_new and now_ns < max(next_ns, any_ns):
            return False
        if len(self._kept) >= MAX_ROUTES:
            self._kept.clear()
        self._kept[route] = count + 1, now_ns + (SOON_NS if count < FEW else LATER_NS)
        self._any_ns = any_ns + ANY_NS
        return True
