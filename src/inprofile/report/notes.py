"""What a report says in words: its head, what is not known, and how it knows the rest."""

from collections.abc import Iterator

from inprofile.analysis.facts import Facts
from inprofile.analysis.routes import Route
from inprofile.report.units import duration, moment, number, percent, plural, span

COSTS = 3
"""So many named costs stand below the stages of a route: where to look first."""

Note = tuple[str, str]
"""What a sentence is about, and the sentence."""


def head(facts: Facts) -> Iterator[Note]:
    """Which group this is, what was counted and over what time."""
    source = facts.source
    pids = f": {', '.join(map(str, source.workers))}" if source.workers else ""
    state = "ended" if source.ended else f"{plural(len(source.workers), 'live worker')}{pids}"
    yield "group", f"{source.group} ({state})"
    yield "time", _time(facts)
    yield "requests", _requests(facts)
    if facts.jobs.count:
        took = duration(facts.jobs.total_ns)
        yield "jobs", f"{plural(facts.jobs.count, 'job')}, {facts.jobs.failed:,} failed, {took}"
    if facts.websockets.count:
        messages = ", ".join(f"{n:,} {way}" for way, n in facts.messages.items()) or "0"
        count = plural(facts.websockets.count, "connection")
        yield "websockets", f"{count}, messages: {messages}"
    if facts.kept:
        kept = ", ".join(f"{count:,} {reason}" for reason, count in sorted(facts.kept.items()))
        yield "kept traces", f"{sum(facts.kept.values()):,} ({kept})"


def stages_of(route: Route, noun: str) -> str:
    """What one bar is about: how many requests or jobs, how long each, how much of all."""
    count = plural(route.duration.count, noun)
    each = duration(route.stages_ns / route.duration.count)
    return f"{count}, {percent(route.share)} of the time of all {noun}s; {each} per {noun}"


def gaps(facts: Facts) -> Iterator[Note]:
    """What is not known, with its amount where it can be counted."""
    for gap in facts.unknown:
        yield (f"{number(gap.amount)} {gap.what}" if gap.amount else gap.what), gap.why


def _time(facts: Facts) -> str:
    source = facts.source
    if source.started_s is None:
        return f"since n/a; read {moment(source.read_s)}"
    if source.seconds is None:
        last = f", last change {moment(source.active_s)}" if source.active_s else ""
        return f"since {moment(source.started_s)}{last}"
    return f"{span(source.seconds)}, since the first request at {moment(source.started_s)}"


def _requests(facts: Facts) -> str:
    requests = facts.requests
    seconds = facts.source.seconds
    per_s = f"{requests.count / seconds:,.2f}/s, " if seconds else ""
    took = f"{duration(requests.total_ns)} in all"
    return f"{number(requests.count)}, {per_s}{requests.failed:,} failed, {took}"
