"""Everything a report says: the facts about a group, in one value."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from inprofile.analysis.event_loops import EventLoop, LoopWait, event_loops, waits
from inprofile.analysis.findings import FindingSummary, ranked, summarized
from inprofile.analysis.garbage import pressures
from inprofile.analysis.routes import routes
from inprofile.analysis.series import series
from inprofile.analysis.source import Source
from inprofile.analysis.unknown import Unknown, unknowns
from inprofile.analysis.work import Work, work
from inprofile.core.metrics import FINDINGS, JOBS, KEPT, MESSAGES, REQUESTS, WEBSOCKETS
from inprofile.core.slots import Snapshot

HOW = {
    "counts": "exact; every request counts, also those of workers that have ended",
    "times": "exact sums of monotonic clock readings",
    "stages": "exclusive times; what overlaps is split, so they add up to 100 %. A route's "
    "stages include the queue before the app, which its duration does not",
    "quantiles": "interpolated inside of histogram buckets, which are 9 % wide",
    "rates": "count / seconds since the group's first request",
    "statements and outbound": "by the clock; runs that overlap count in full",
    "findings": "places, times and shares from kept traces; those are a sample, the slow, the "
    "failed, and of those with a finding the first, the largest and now and then one. In how many "
    "requests: counted in all, by kind and route; where a route has several of a kind, split as in "
    "kept traces. Their cost: each that was not kept as much as the middle one of the kept",
    "event loops": "lag of a timer at random moments; busy by the time outside of the selector, or "
    "where there is none (uvloop) estimated by the processor time of the loop's thread",
    "waits for the event loop": "exact where it was idle before; else from then on, less the time "
    "that the operations of the trace take on average",
    "savings": "at the most all runs but one, of median length; at the least half of that",
}
"""How each number was obtained."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a group, and what is not.

    ``event_loops`` are how late and how busy those are, and ``loop_waits`` who waited for whom on
    them; ``messages`` are those of websockets by direction, ``kept`` the traces kept by reason,
    and ``how`` says of every kind of number how it was obtained.
    """

    source: Source
    requests: Work
    jobs: Work
    websockets: Work
    messages: dict[str, int]
    kept: dict[str, int]
    findings: tuple[FindingSummary, ...]
    event_loops: tuple[EventLoop, ...]
    loop_waits: tuple[LoopWait, ...]
    unknown: tuple[Unknown, ...]
    how: dict[str, str]

    @property
    def empty(self) -> bool:
        """Whether nothing was counted yet."""
        return not (self.requests.count or self.jobs.count or self.websockets.count)


def facts(
    counted: Snapshot,
    source: Source,
    findings: Iterable[Mapping[str, Any]] = (),
    problems: Iterable[Unknown] = (),
) -> Facts:
    """The facts about what ``counted`` and the stored ``findings`` hold.

    ``problems`` are what reading could not get at; they lead what is unknown.

    Costs 40 ms a thousand series.
    """
    requests = work(counted, routes(counted, REQUESTS, source.seconds))
    jobs = work(counted, routes(counted, JOBS, source.seconds))
    taken = {route.route for route in requests.routes}
    connections = routes(counted, WEBSOCKETS, source.seconds, elsewhere=taken)
    websockets = work(counted, connections, elsewhere=taken)
    messages: dict[str, int] = {}
    for (_, direction), words in series(counted, MESSAGES):
        messages[direction] = messages.get(direction, 0) + words[0]
    found = {(kind, route): words[0] for (kind, route), words in series(counted, FINDINGS)}
    return Facts(
        source=source,
        requests=requests,
        jobs=jobs,
        websockets=websockets,
        messages=messages,
        kept={reason: words[0] for (reason,), words in series(counted, KEPT)},
        findings=ranked([*summarized(findings, found), *pressures(requests.routes)]),
        event_loops=event_loops(counted),
        loop_waits=waits(counted, source.seconds),
        unknown=(*problems, *unknowns(counted, source, requests, (jobs, websockets))),
        how=HOW,
    )
