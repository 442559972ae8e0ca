"""What detectors found in kept traces: the same thing at the same place is one summary."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from inprofile.core.model import Location


@dataclass(frozen=True, slots=True)
class FindingSummary:
    """One problem.

    ``traces`` is in how many kept traces it was found, ``count`` and ``total_ns`` how often
    it happened and how long it took in those; ``evidence`` and ``fix`` are the newest's.
    """

    kind: str
    route: str
    location: Location | None
    statement: str
    traces: int
    count: int
    total_ns: int
    evidence: str
    fix: str


def summarized(findings: Iterable[Mapping[str, Any]]) -> tuple[FindingSummary, ...]:
    """Stored findings, newest first, as summaries, the most expensive first."""
    groups: dict[tuple[str, str, Location | None, str], list[Mapping[str, Any]]] = {}
    for finding in findings:
        place = finding["query"]
        location = Location(*place) if place else None
        key = (finding["kind"], finding["route"], location, finding["statement"])
        groups.setdefault(key, []).append(finding)
    summaries = [
        FindingSummary(
            kind=kind,
            route=route,
            location=location,
            statement=statement,
            traces=len(same),
            count=sum(finding["count"] for finding in same),
            total_ns=sum(finding["total_ns"] for finding in same),
            evidence=same[0]["evidence"],
            fix=same[0]["fix"],
        )
        for (kind, route, location, statement), same in groups.items()
    ]
    return tuple(sorted(summaries, key=lambda each: (-each.total_ns, each.kind, each.route)))
