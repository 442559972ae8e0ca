"""Steps that held up an event loop: the line, the class, who suffered, and what to write."""

from collections.abc import Hashable, Iterator
from functools import partial

from inprofile.core.judge import Sighting
from inprofile.core.model import Finding, Pause, Trace
from inprofile.detectors import pauses
from inprofile.detectors.blocking import WORDS
from inprofile.detectors.pauses import CAUSES, Cause
from inprofile.detectors.remedies import remedy

KIND = "blocked_event_loop"

MINOR = frozenset({"descheduled", "unknown"})
"""Causes that are the machine's, or of which there is too little to say."""


def found(trace: Trace) -> Iterator[tuple[Finding, Hashable]]:
    """One finding for each line that has held up the loop in a trace."""
    for same in _sites(trace).values():
        yield _finding(trace, same), None


def sightings(trace: Trace) -> Iterator[Sighting]:
    """What ``found`` finds, without its cause; looks at no trace that held up nobody."""
    if trace.pauses:
        for site, same in _sites(trace).items():
            yield Sighting(KIND, site, len(same), partial(_finding, trace, same))


def _sites(trace: Trace) -> dict[Hashable, list[Pause]]:
    sites: dict[Hashable, list[Pause]] = {}
    for pause in trace.pauses or ():
        place = pauses.place(pause)
        site = ("", "") if place is None else (place.file, place.function)
        sites.setdefault(site, []).append(pause)
    return sites


def _finding(trace: Trace, same: list[Pause]) -> Finding:
    longest = max(same, key=lambda pause: pause.length_ns)
    cause = pauses.cause(longest)
    total_ns = sum(pause.length_ns for pause in same)
    victims = sum(pause.victims for pause in same)
    delayed_ns = sum(pause.delayed_ns for pause in same)
    return Finding(
        kind=KIND,
        route=trace.route,
        statement=cause.call.name or CAUSES[cause.kind],
        count=len(same),
        total_ns=total_ns,
        evidence=_evidence(cause, same, victims, delayed_ns),
        fix=remedy(cause),
        query=cause.place,
        share=min(total_ns / trace.wall_ns, 1.0) if trace.wall_ns else 0.0,
        severity="low" if cause.kind in MINOR else "",
        cause=cause.kind,
        victims=victims,
        delayed_ns=delayed_ns,
    )


def _evidence(cause: Cause, same: list[Pause], victims: int, delayed_ns: int) -> str:
    longest_ms = max(pause.length_ns for pause in same) / 1e6
    times = "" if len(same) == 1 else f" {len(same)} times, for at most"
    what = CAUSES[cause.kind]
    if cause.kind == "blocking_call" and cause.call.waits_for:
        what = f"{what} ({WORDS[cause.call.waits_for]})"
    said = f"held up the event loop{times} {longest_ms:.0f} ms: {what}"
    if victims:
        requests = "1 other waited" if victims == 1 else f"{victims} others waited"
        said += f"; {requests}, {delayed_ns / 1e6:.0f} ms in all"
    return said
