"""What is said about a trace: what the detectors find, but for what is to be ignored."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

from inprofile.core.guard import guard
from inprofile.core.judge import Sighting
from inprofile.core.model import Finding, Trace
from inprofile.detectors import (
    blocked_event_loop,
    ignores,
    nplusone,
    slow_query,
    sync_io_on_loop,
    unused_eager_load,
)
from inprofile.detectors.ignores import Comment
from inprofile.detectors.ignoring import Scope
from inprofile.patterns import Pattern

LOOPED = frozenset({"n_plus_one", "repeated_query", "http_n_plus_one", "cache_n_plus_one"})
"""Kinds whose ``count`` is that of the runs in a loop."""

Ignored = Comment | Pattern | Scope
"""What can keep a finding from being reported."""

Detector = Callable[[Trace], Iterable[tuple[Finding, Hashable]]]
"""Findings, each with what was ``ignoring`` what they come of."""


def slow(trace: Trace) -> Iterator[tuple[Finding, Hashable]]:
    """The slow statements, which no block ignores."""
    for finding in slow_query.detect(trace):
        yield finding, None


DETECTORS: tuple[Detector, ...] = (
    nplusone.found,
    slow,
    blocked_event_loop.found,
    sync_io_on_loop.found,
)

ON_REQUEST: tuple[Detector, ...] = (unused_eager_load.found,)
"""A test reads less of what it loads than a page does: these are for those who ask for them."""

LOOKS = (
    nplusone.sightings,
    slow_query.sightings,
    blocked_event_loop.sightings,
    sync_io_on_loop.sightings,
)


class Judgement:
    """Judges traces; both what is reported and what a test fails for is what this says.

    ``least`` is the least number of runs in a loop that is reported, ``ignored`` patterns of
    findings that are not; ``unused`` says whether eager loads are, that nobody has read. Never
    raises.
    """

    def __init__(
        self, least: int = 0, ignored: Sequence[Pattern] = (), *, unused: bool = False
    ) -> None:
        self.least = least
        self.ignored = tuple(ignored)
        self.unused = unused

    def __call__(self, trace: Trace) -> list[Finding]:
        """The findings in a finished trace."""
        return [finding for finding, silent in self.weighed(trace) if not silent]

    def silences(self, finding: Finding, ignored: Hashable) -> bool:
        """Whether a finding is not to be reported, of what ran while that was ``ignoring`` it."""
        return any(True for _ in self._silencing(finding, ignored))

    def sightings(self, trace: Trace) -> Iterator[Sighting]:
        """The problems in a finished trace that happen often enough, ignored or not."""
        for look in LOOKS:
            for sighting in look(trace):
                if sighting.times >= self.least or sighting.kind not in LOOPED:
                    yield sighting

    def silenced(self, sighting: Sighting) -> bool:
        """Whether a problem is ignored: in this trace and wherever else it is seen."""
        scope = sighting.site[-1] if isinstance(sighting.site, tuple) else None
        return self.silences(sighting.finding(), scope)

    def weighed(self, trace: Trace) -> list[tuple[Finding, list[Ignored]]]:
        """All findings, each with what ignores it; nothing does if it is to be reported."""
        weighed: list[tuple[Finding, list[Ignored]]] = []
        for detect in (*DETECTORS, *(ON_REQUEST if self.unused else ())):
            with guard:
                weighed += [
                    (finding, list(self._silencing(finding, scope)))
                    for finding, scope in detect(trace)
                    if finding.count >= self.least or finding.kind not in LOOPED
                ]
        return weighed

    def _silencing(self, finding: Finding, scope: Hashable) -> Iterator[Ignored]:
        yield from (pattern for pattern in self.ignored if ignores.fits(pattern, finding))
        if isinstance(scope, Scope):
            for each in scope.outwards():
                if ignores.fits_any(each.patterns, finding):
                    yield each
        yield from ignores.silencing(finding)
