"""What a report lists, as tables of text that any format can draw."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from inprofile.analysis.distribution import Distribution
from inprofile.analysis.event_loops import EventLoop
from inprofile.analysis.facts import Facts
from inprofile.analysis.operations import Operation
from inprofile.analysis.routes import Method, Route
from inprofile.analysis.statements import Statement
from inprofile.analysis.work import Work
from inprofile.core.model import OVERFLOW, UNMATCHED
from inprofile.report.units import duration, mean, number, percent, place, plural, rate

SHOWN_ROUTES = 20
"""The routes table has at least so many rows: it is what everything else is read against."""


@dataclass(frozen=True, slots=True)
class Row:
    """``label`` is what the row is about; ``below`` says more about the row above it."""

    label: str
    cells: tuple[str, ...]
    below: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """``label`` heads the rows' labels, ``columns`` their cells; ``code`` labels are code.

    The last column is text when ``tail`` is set, all others are numbers. ``note`` says what
    is not shown.
    """

    title: str
    label: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""
    tail: bool = False
    code: bool = False


QUANTILES = ("p50", "p95", "p99", "max")
Left = TypeVar("Left")


def tables(facts: Facts, top: int) -> Iterator[Table]:
    """Every list below the routes and their stages, in order; empty ones are left out."""
    requests = facts.requests
    every = (
        statements(requests, "Database statements", "request", top),
        commands(requests, "Cache operations", "request", top),
        _operations(requests, "Dependencies and middleware", ("dependencies", "middleware"), top),
        _operations(requests, "Serializers and templates", ("serialization", "template"), top),
        _operations(requests, "Log calls", ("logging",), top),
        outbound(requests, top),
        _event_loops(facts),
        _loop_waits(facts, top),
        _others(facts.jobs, "Jobs and background tasks", "job", top),
        statements(facts.jobs, "Database statements of jobs", "job", top),
        commands(facts.jobs, "Cache operations of jobs", "job", top),
        _others(facts.websockets, "Websockets", "websocket", top),
    )
    return (table for table in every if table.rows)


def title(route: Route) -> str:
    """A route with its methods: ``GET POST /orders``."""
    names = [method.method for method in route.methods]
    return " ".join([*names, named(route.route)])


def named(route: str) -> str:
    """A route's template, or words for what has none."""
    words = {UNMATCHED: "(no route matched)", OVERFLOW: "(above the cap on series)"}
    return words.get(route, route)


def routes(work: Work, top: int) -> Table:
    """Every route of the first rows, its methods below it when it has several."""
    shown = max(top, SHOWN_ROUTES)
    rows: list[Row] = []
    for route in work.routes[:shown]:
        shares = (percent(route.share), percent(route.cumulative_share))
        rows.append(_route(route, title(route), shares))
        if len(route.methods) > 1:
            rows += (_method(method) for method in route.methods)
    return Table(
        title="Routes by total time",
        label="route",
        columns=("share", "cum.", "requests", "rate/s", "failed", *QUANTILES),
        rows=tuple(rows),
        note=left_out(work.routes[shown:], "route", lambda route: route.duration.total_ns),
    )


def statements(work: Work, heading: str, noun: str, top: int) -> Table:
    """The statements with the route that issues them."""
    return _issued(work, work.statements, "statement", heading, noun, top)


def commands(work: Work, heading: str, noun: str, top: int) -> Table:
    """The commands of caches with the route that issues them."""
    return _issued(work, work.commands, "operation", heading, noun, top)


def _issued(
    work: Work, issued: Sequence[Statement], label: str, heading: str, noun: str, top: int
) -> Table:
    rows = tuple(
        Row(
            each.name,
            (
                duration(each.duration.total_ns),
                percent(each.share_of_route),
                number(each.duration.count),
                mean(each.per_trace),
                duration(each.duration.p95_ns),
                duration(each.duration.max_ns),
                issuer(work, each.route),
            ),
        )
        for each in issued[:top]
    )
    return Table(
        title=f"{heading} by total time",
        label=label,
        columns=("total", "of route", "runs", f"per {noun}", "p95", "max", "route"),
        rows=rows,
        note=left_out(issued[top:], label, lambda each: each.duration.total_ns),
        tail=True,
        code=True,
    )


def outbound(work: Work, top: int) -> Table:
    """Requests to other servers with the route that sends them."""
    rows = tuple(
        Row(
            f"{each.method} {each.server}",
            (
                duration(each.duration.total_ns),
                percent(each.share_of_route),
                number(each.duration.count),
                mean(each.per_trace),
                number(each.failed),
                duration(each.duration.p95_ns),
                issuer(work, each.route),
            ),
        )
        for each in work.outbound[:top]
    )
    return Table(
        title="Outbound HTTP by total time",
        label="server",
        columns=("total", "of route", "calls", "per request", "failed", "p95", "route"),
        rows=rows,
        note=left_out(work.outbound[top:], "server", lambda each: each.duration.total_ns),
        tail=True,
    )


def _operations(work: Work, heading: str, stages: tuple[str, ...], top: int) -> Table:
    found = work.of_stages(*stages)
    rows = tuple(
        Row(
            place(each.name),
            (
                duration(each.total_ns),
                percent(each.share),
                number(each.calls),
                mean(each.per_trace),
                duration(each.total_ns / each.calls),
                _users(work, each),
            ),
        )
        for each in found[:top]
    )
    return Table(
        title=f"{heading} by total time",
        label="name",
        columns=("total", "of all", "calls", "per request", "mean", "most in"),
        rows=rows,
        note=left_out(found[top:], "operation", lambda each: each.total_ns),
        tail=True,
        code=True,
    )


def _event_loops(facts: Facts) -> Table:
    rows = tuple(
        Row(each.type, (_busy(each), *_quantiles(each.lag), number(each.lag.count)))
        for each in facts.event_loops
    )
    return Table(
        title="Event loops: how busy, how late",
        label="type",
        columns=("busy", *QUANTILES, "looks"),
        rows=rows,
    )


def _busy(loop: EventLoop) -> str:
    """How busy the workers' loops are: of the idlest and the busiest of them."""
    if not loop.utilization:
        return "n/a"
    most, least = percent(loop.utilization[0]), percent(loop.utilization[-1])
    about = "about " if loop.is_estimate else ""
    return about + (most if most == least else f"{least} … {most}")


def _loop_waits(facts: Facts, top: int) -> Table:
    rows = tuple(
        Row(
            issuer(facts.requests, each.culprit),
            (
                duration(each.total_ns),
                "n/a" if each.per_minute_ns is None else duration(each.per_minute_ns),
                number(each.count),
                issuer(facts.requests, each.route),
            ),
        )
        for each in facts.loop_waits[:top]
    )
    return Table(
        title="Who held the event loop while others were ready",
        label="culprit",
        columns=("cost", "per minute", "waits", "who waited"),
        rows=rows,
        note=left_out(facts.loop_waits[top:], "pair", lambda each: each.total_ns),
        tail=True,
    )


def _others(work: Work, heading: str, noun: str, top: int) -> Table:
    rows = tuple(
        _route(route, named(route.route), (duration(route.duration.total_ns),))
        for route in work.routes[:top]
    )
    return Table(
        title=f"{heading} by total time",
        label=noun,
        columns=("total", "count", "rate/s", "failed", *QUANTILES),
        rows=rows,
        note=left_out(work.routes[top:], noun, lambda route: route.duration.total_ns),
    )


def _route(route: Route, label: str, leading: tuple[str, ...]) -> Row:
    cells = (number(route.duration.count), rate(route.rate_per_s), number(route.failed))
    return Row(label, (*leading, *cells, *_quantiles(route.duration)))


def _method(method: Method) -> Row:
    cells = ("", "", number(method.duration.count), "", number(method.failed))
    return Row(method.method, (*cells, *_quantiles(method.duration)), below=True)


def _quantiles(taken: Distribution) -> tuple[str, ...]:
    return tuple(map(duration, (taken.p50_ns, taken.p95_ns, taken.p99_ns, taken.max_ns)))


def issuer(work: Work, route: str) -> str:
    """A route with its methods, by its template."""
    return next((title(each) for each in work.routes if each.route == route), named(route))


def _users(work: Work, operation: Operation) -> str:
    first = issuer(work, operation.uses[0].route)
    more = len(operation.uses) - 1
    return f"{first} + {plural(more, 'route')}" if more else first


def left_out(left: Sequence[Left], noun: str, total_ns: Callable[[Left], int]) -> str:
    """How many a list does not show, and what they cost; empty when it shows all."""
    if not left:
        return ""
    return f"and {plural(len(left), noun)} more: {duration(sum(map(total_ns, left)))}"
