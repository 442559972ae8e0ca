"""A single statement that takes longer than a person notices."""

from collections.abc import Iterator
from functools import partial

from inprofile.core.judge import Sighting
from inprofile.core.model import Finding, Span, Trace

THRESHOLD_NS = 500_000_000
"""Half a second in one statement: https://www.nngroup.com/articles/response-times-3-important-limits/
gives one second for a whole answer to keep a person's flow of thought."""


def detect(trace: Trace) -> Iterator[Finding]:
    """One finding for each statement that took longer than the threshold on average."""
    for span in _slow(trace):
        yield _finding(trace, span)


def sightings(trace: Trace) -> Iterator[Sighting]:
    """What ``detect`` finds; looks at no span of a trace that is too short for it."""
    if trace.wall_ns >= THRESHOLD_NS:
        for span in _slow(trace):
            yield Sighting("slow_query", span.name, span.count, partial(_finding, trace, span))


def _slow(trace: Trace) -> Iterator[Span]:
    for span in trace.spans:
        if span.kind == "db" and span.count and span.duration_ns / span.count >= THRESHOLD_NS:
            yield span


def _finding(trace: Trace, span: Span) -> Finding:
    return Finding(
        kind="slow_query",
        route=trace.route,
        statement=str(span.name),
        count=span.count,
        total_ns=span.duration_ns,
        evidence=f"took {span.duration_ns / span.count / 1e6:.0f} ms a run",
        fix="Look at its plan (EXPLAIN): an index or fewer rows usually help.",
    )
