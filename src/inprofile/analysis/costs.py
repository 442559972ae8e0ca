"""What one route's time was spent on, by name: statements, commands, servers, functions ..."""

from collections.abc import Iterator
from dataclasses import dataclass

from inprofile.analysis.routes import Route
from inprofile.analysis.work import Work


@dataclass(frozen=True, slots=True)
class Cost:
    """One named thing of a route: how often per request, and its part (0...1) of the time."""

    stage: str
    name: str
    per_trace: float
    share_of_route: float


def costs(work: Work, route: Route) -> list[Cost]:
    """Everything in ``route`` that has a name, the most expensive first."""
    return sorted(_named(work, route.route), key=lambda each: -each.share_of_route)


def _named(work: Work, route: str) -> Iterator[Cost]:
    for stage, issued in (("db", work.statements), ("cache", work.commands)):
        for each in issued:
            if each.route == route:
                yield Cost(stage, each.name, each.per_trace, each.share_of_route)
    for sent in work.outbound:
        if sent.route == route:
            name = f"{sent.method} {sent.server}"
            yield Cost("http", name, sent.per_trace, sent.share_of_route)
    for operation in work.operations:
        for use in operation.uses:
            if use.route == route:
                yield Cost(operation.stage, operation.name, use.per_trace, use.share_of_route)
