"""What is not known, how much of it there is, and why."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from inprofile.analysis.routes import Route
from inprofile.analysis.series import observations, series
from inprofile.analysis.source import Source
from inprofile.analysis.work import Work
from inprofile.core.metrics import (
    ACTIVE,
    DROPPED,
    ERRORS,
    FAMILIES,
    GAUGES,
    OPERATION,
    Family,
)
from inprofile.core.model import OVERFLOW, STAGES, UNMATCHED
from inprofile.core.slots import Snapshot

TOLERANCE = 0.01
"""How far the stages of a route may be from its duration before that is said."""

FILES = {
    "bounds": "they have other histogram bounds (INPROFILE_SLO_MS was changed)",
    "empty": "nothing was counted in them yet",
    "foreign": "they are not inprofile's",
    "short": "they are too short to be whole",
    "torn": "they are damaged",
    "unreadable": "this user may not read them, or the disk failed",
    "version": "another version of inprofile wrote them",
}


@dataclass(frozen=True, slots=True)
class Unknown:
    """One gap: ``amount`` of ``what`` (0 where it cannot be counted), and ``why``."""

    what: str
    amount: int
    why: str


def unknowns(
    counted: Snapshot, source: Source, requests: Work, others: Iterable[Work]
) -> Iterator[Unknown]:
    """Every gap that the data shows."""
    everything = (requests, *others)
    yield from _of_the_group(counted, source)
    yield from _not_counted(counted)
    for route in requests.routes:
        if route.route == UNMATCHED:
            why = "no registered route matched them, and their paths are not kept"
            yield Unknown("requests without a route", route.duration.count, why)
    for each in everything:
        yield from _unexplained(each.routes)
    yield from _unseen_stages(everything)


def _of_the_group(counted: Snapshot, source: Source) -> Iterator[Unknown]:
    for reason, count in sorted(counted.skipped.items()):
        yield Unknown("counter files left out", count, FILES.get(reason, reason))
    errors = sum(words[0] for _, words in series(counted, ERRORS))
    if errors:
        why = "inprofile itself failed there; the app's log has the first ones"
        yield Unknown("observations lost to our own errors", errors, why)
    if source.seconds is None:
        ended = "all workers have ended, and when is not recorded"
        yield Unknown("rates", 0, ended if source.ended else "the group's start is not recorded")


def _not_counted(counted: Snapshot) -> Iterator[Unknown]:
    under_way = sum(words[0] for _, words in series(counted, ACTIVE))
    if under_way:
        yield Unknown("requests under way", under_way, "they count when they end")
    dropped = {values[0]: words[0] for values, words in series(counted, DROPPED)}
    if dropped.get("spans"):
        why = "their traces were full (INPROFILE_MAX_SPANS); the stage times are exact all the same"
        yield Unknown("spans without a place of their own", dropped["spans"], why)
    if dropped.get("traces"):
        why = "too many at once, or no room on disk (INPROFILE_MAX_STORE_MB); they were counted"
        yield Unknown("kept traces not stored", dropped["traces"], why)
    for family in FAMILIES:
        amount = _overflow(counted, family)
        if amount and family.type not in GAUGES:
            why = f"more than {family.cap} series of {family.name}: the rest share one"
            what = "calls" if family is OPERATION else "observations"
            yield Unknown(f"{what} without labels", amount, why)


def _overflow(counted: Snapshot, family: Family) -> int:
    """What the overflow series holds: exact, however often a series was turned away."""
    words = counted.series.get((family.name, *[OVERFLOW] * len(family.labels)))
    return observations(family, words) if words and family.labels else 0


def _unexplained(routes: Iterable[Route]) -> Iterator[Unknown]:
    for route in routes:
        whole_ns = route.duration.total_ns
        if not route.stages:
            yield Unknown(f"stages of {route.route}", 0, "its time was counted under another name")
        elif abs(route.unexplained_ns) > TOLERANCE * whole_ns:
            part = 100 * route.unexplained_ns / whole_ns
            why = (
                f"they miss {part:.1f} % of its time"
                if part > 0
                else (
                    f"they hold {-part:.1f} % more than its time: another kind of work has its name"
                )
            )
            yield Unknown(f"stages of {route.route}", 0, why)


def _unseen_stages(everything: Iterable[Work]) -> Iterator[Unknown]:
    seen = {stage.stage for work in everything for route in work.routes for stage in route.stages}
    unseen = [stage for stage in STAGES if stage not in seen]
    if seen and unseen:
        why = "there was none, or nothing here measures it; its time is then in the other stages"
        yield Unknown(f"time in {', '.join(unseen)}", 0, why)
