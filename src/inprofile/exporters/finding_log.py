"""Findings as lines of the log ``inprofile``: what runs in which loop, and what to do."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from inprofile.core import wording
from inprofile.core.guard import log
from inprofile.core.model import Finding, Location, Trace
from inprofile.core.pipeline import Kept
from inprofile.core.source import source_line

AGAIN_S = 3600.0
"""One place is said once in this time."""

MOST = 20
"""Lines of all places together in that time, by one process."""

MAX_SITES = 4096
"""Places remembered; above it all is forgotten and may be said again."""

Site = tuple[str, str, Location | None, Location | None, str]


class FindingLog:
    """Says the findings of kept traces; those of low severity are for the report alone.

    ``clock`` counts monotonic seconds. To be called by one thread.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: dict[Site, float] = {}
        self._latest: deque[float] = deque(maxlen=MOST)

    def __call__(self, batch: Sequence[Kept]) -> None:
        """Log what has not been said for an hour."""
        for trace, findings in batch:
            for finding in findings:
                if not finding.severity and self._is_due(finding):
                    log.warning("%s", said(trace, finding))

    def _is_due(self, finding: Finding) -> bool:
        about = finding.relation or finding.statement
        site = finding.kind, finding.route, finding.loop, finding.query, about
        now = self._clock()
        if now - self._said.get(site, -AGAIN_S) < AGAIN_S:
            return False
        if len(self._latest) == MOST and now - self._latest[0] < AGAIN_S:
            return False
        if len(self._said) >= MAX_SITES:
            self._said.clear()
        self._said[site] = now
        self._latest.append(now)
        return True


def said(trace: Trace, finding: Finding) -> str:
    """A line of what and how much, and one each for loop, query and fix with their source."""
    return "\n".join(_lines(trace, finding))


def _lines(trace: Trace, finding: Finding) -> Iterator[str]:
    about = finding.relation or finding.statement
    amount = wording.amount(
        finding.kind, finding.operation, finding.relation, finding.count, finding.elements
    )
    share = wording.share(finding.share) if finding.share else ""
    much = ", ".join(filter(None, [amount or finding.evidence, share]))
    route = f"{trace.method} {trace.route}".strip()
    yield f"inprofile: {wording.title(finding.kind)} in {route}: {about}: {much}"
    own = wording.place(finding.kind)
    for name, place in (("loop", finding.loop), (own, finding.query)):
        if place is not None:
            yield f"  {name:<5} {_sourced(place)}"
    if finding.fix:
        where = f" at {_sourced(finding.where)}" if finding.where else ""
        yield f"  fix   {finding.fix}{where}"


def _sourced(location: Location) -> str:
    line = source_line(location)
    return f"{location}: {line}" if line else str(location)
