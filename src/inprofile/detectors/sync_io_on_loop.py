"""Synchronous clients that are called on the event loop: nobody else runs until they answer."""

from collections.abc import Hashable, Iterator
from functools import partial

from inprofile.core.judge import Sighting
from inprofile.core.model import Finding, Trace
from inprofile.core.sync_calls import SyncCall
from inprofile.detectors.blocking import of_library

KIND = "sync_io_on_loop"

MINOR_NS = 5_000_000
"""What took less in a trace is worth knowing, and no reason to be woken up."""

WAITS_FOR = {"db": "a database", "cache": "a cache", "http": "another service"}


def found(trace: Trace) -> Iterator[tuple[Finding, Hashable]]:
    """One finding for each line of the application that makes such calls."""
    for same in _sites(trace).values():
        yield _finding(trace, same), None


def sightings(trace: Trace) -> Iterator[Sighting]:
    """What ``found`` finds, without looking at spans."""
    if trace.sync_calls:
        for site, same in _sites(trace).items():
            count = sum(call.count for call in same)
            yield Sighting(KIND, site, count, partial(_finding, trace, same))


def _sites(trace: Trace) -> dict[Hashable, list[SyncCall]]:
    sites: dict[Hashable, list[SyncCall]] = {}
    for call in (trace.sync_calls or {}).values():
        site = call.span.kind, call.place
        sites.setdefault(site, []).append(call)
    return sites


def _finding(trace: Trace, same: list[SyncCall]) -> Finding:
    kinds = {(call.span.kind, call.span.name) for call in same}
    spans = [span for span in trace.spans if (span.kind, span.name) in kinds]
    total_ns = sum(span.duration_ns for span in spans)
    first = same[0].span
    about = first.attributes or {}
    system = str(about.get("db.system.name", ""))
    calls = sum(call.count for call in same)
    times = "1 call" if calls == 1 else f"{calls} calls"
    return Finding(
        kind=KIND,
        route=trace.route,
        statement=str(first.name),
        count=calls,
        total_ns=total_ns,
        evidence=f"{times} of a synchronous client held the event loop for "
        f"{total_ns / 1e6:.2f} ms: it waits for {WAITS_FOR.get(first.kind, 'an answer')}",
        fix=_fix(system),
        query=same[0].place,
        share=min(total_ns / trace.wall_ns, 1.0) if trace.wall_ns else 0.0,
        severity="" if total_ns >= MINOR_NS else "low",
        cause="blocking_call",
    )


DRIVERS = {"postgresql": "psycopg", "mysql": "pymysql", "sqlite": "sqlite3", "mongodb": "pymongo"}


def _fix(system: str) -> str:
    _, instead = of_library(DRIVERS.get(system, system or "requests"))
    thread = "a def endpoint (it runs in a thread), or await asyncio.to_thread(…)"
    return f"{instead}; or {thread}" if instead else thread
