"""What detectors found in kept traces: the same thing at the same place is one summary."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from inprofile.analysis.growth import GROWS, Growth, Sample, growth

LOOPED = frozenset({"n_plus_one", "repeated_query", "http_n_plus_one", "cache_n_plus_one"})
"""Kinds that are about a loop: how often they happen may grow."""

RECENT = 10
"""So many of the newest traces decide on the fix to show: older ones may be of older code."""

Stored = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """A line of code, with its text where that could be read."""

    file: str
    line: int
    function: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class FindingSummary:
    """One problem.

    ``traces`` is in how many kept traces it was found, ``count`` and ``total_ns`` how often
    it happened and how long it took in those, ``share`` its part (0...1) of their time, and
    ``typical_count`` (for ``typical_elements``) how often in the middle one. ``saving_ns`` is what
    the fix is likely to save in one of them, at the least and at the most. ``times`` is how many
    traces had it, kept or not, None where that was not counted, and ``cost_ns`` what it took in
    those; ``estimated`` says that they are its part of a number for several. ``fix`` and ``where``
    are those that would have saved most in the newest traces; ``evidence``, ``severity`` and the
    other lines of source are the newest's.
    """

    kind: str
    route: str
    query: Place | None
    statement: str
    traces: int
    count: int
    total_ns: int
    evidence: str
    fix: str
    loop: Place | None = None
    where: Place | None = None
    relation: str = ""
    operation: str = ""
    severity: str = ""
    share: float = 0.0
    typical_count: int = 0
    typical_elements: int = 0
    saving_ns: tuple[int, int] | None = None
    growth: Growth | None = None
    times: int | None = None
    cost_ns: int = 0
    estimated: bool = False

    @property
    def is_harmless(self) -> bool:
        """Whether it happens a few times however much there is."""
        return self.growth is not None and self.growth.is_harmless

    @property
    def grows(self) -> bool:
        """Whether it happens more often the more there is."""
        return self.growth is not None and self.growth.verdict == GROWS and not self.severity


def summarized(
    findings: Iterable[Stored], counted: Mapping[tuple[str, str], int] | None = None
) -> tuple[FindingSummary, ...]:
    """Stored findings, newest first, as summaries: the most expensive first, minor ones last.

    A count that is small and stays so comes after all that grow, whatever it costs. ``counted`` is
    in how many traces in all there was a finding, by kind and route. Where a route has several
    findings of a kind, they share that number as they share the kept traces.
    """
    groups: dict[tuple[Any, ...], list[Stored]] = {}
    for finding in findings:
        groups.setdefault(_site(finding), []).append(finding)
    kept = Counter[tuple[str, str]]()
    for (kind, route, *_), same in groups.items():
        kept[kind, route] += len(same)
    summaries = [
        _summary(same, (counted or {}).get(site[:2]), kept[site[:2]])
        for site, same in groups.items()
    ]
    return ranked(summaries)


def ranked(summaries: Sequence[FindingSummary]) -> tuple[FindingSummary, ...]:
    """The most expensive first; a count that is small and stays so after all that grow."""
    least_ns = min((each.cost_ns for each in summaries if each.grows), default=1 << 63)

    def rank(one: FindingSummary) -> tuple[Any, ...]:
        waits = one.is_harmless and one.cost_ns >= least_ns
        cost_ns = least_ns if waits else one.cost_ns
        return bool(one.severity), -cost_ns, waits, -one.cost_ns, one.kind, one.route

    return tuple(sorted(summaries, key=rank))


def _site(finding: Stored) -> tuple[Any, ...]:
    places = (tuple(finding.get(name) or ()) for name in ("loop", "query"))
    about = finding.get("relation") or finding["statement"]
    return finding["kind"], finding["route"], *places, about


def _summary(same: Sequence[Stored], counted: int | None, kept: int) -> FindingSummary:
    newest, worst, traces = same[0], _worst(same[:RECENT]), len(same)
    total_ns = sum(finding["total_ns"] for finding in same)
    middle = sorted(same, key=lambda finding: int(finding["count"]))[(traces - 1) // 2]
    times = max(round(counted * traces / kept), traces) if counted else None
    return FindingSummary(
        kind=newest["kind"],
        route=newest["route"],
        query=_place(newest, "query"),
        statement=newest["statement"],
        traces=traces,
        count=sum(finding["count"] for finding in same),
        total_ns=total_ns,
        evidence=newest["evidence"],
        fix=worst["fix"],
        loop=_place(newest, "loop"),
        where=_place(worst, "where"),
        relation=newest.get("relation", ""),
        operation=newest.get("operation", ""),
        severity=newest.get("severity", ""),
        share=_share(same),
        typical_count=middle["count"],
        typical_elements=middle.get("elements", 0),
        saving_ns=_saving(same),
        growth=_growth(same) if newest["kind"] in LOOPED else None,
        times=times,
        cost_ns=_cost(same, times),
        estimated=times is not None and kept != traces,
    )


def _cost(same: Sequence[Stored], times: int | None) -> int:
    """What it took in all traces that had it: in each that was not kept as in the middle one.

    Not as in the mean one: what is slow, or has more of it than any before, is always kept.
    """
    lengths = [finding["total_ns"] for finding in same]
    others = 0 if times is None else times - len(lengths)
    return int(sum(lengths) + others * median(lengths))


def _worst(recent: Sequence[Stored]) -> Stored:
    """The newest of those that one fix at one place would mend, and which took longest."""
    costs, newest = Counter[tuple[Any, ...]](), dict[tuple[Any, ...], Stored]()
    for finding in recent:
        remedy = finding["fix"], *(finding.get("where") or ())
        costs[remedy] += finding["total_ns"]
        newest.setdefault(remedy, finding)
    return newest[max(costs, key=costs.__getitem__)]


def _place(finding: Stored, name: str) -> Place | None:
    place = finding.get(name)
    if not place:
        return None
    file, line, function = place
    return Place(file, line, function, finding.get("source", {}).get(name, ""))


def _growth(same: Sequence[Stored]) -> Growth:
    return growth(
        [Sample(each["count"], each.get("elements", 0), each["total_ns"]) for each in same]
    )


def _share(same: Sequence[Stored]) -> float:
    """The part of the time of all traces together; of those whose time is known."""
    known = [(each["total_ns"], each["share"]) for each in same if each.get("share")]
    whole_ns = sum(total_ns / share for total_ns, share in known)
    return sum(total_ns for total_ns, _ in known) / whole_ns if whole_ns else 0.0


def _saving(same: Sequence[Stored]) -> tuple[int, int] | None:
    known = [each["saving_ns"] for each in same if each.get("saving_ns")]
    if not known:
        return None
    return (
        sum(least for least, _ in known) // len(known),
        sum(most for _, most in known) // len(known),
    )
