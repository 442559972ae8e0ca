"""Routes of whose time garbage collection takes too much."""

from collections.abc import Iterable, Iterator

from inprofile.analysis.findings import FindingSummary
from inprofile.analysis.routes import Route
from inprofile.analysis.stages import Stage

KIND = "gc_pressure"

MUCH_PERCENT = 5.0
"""More than that of a route's time is a finding."""

FEW = 20
"""Of fewer traces nobody knows yet: one collection hits one request."""

FIX = (
    "gc.freeze() once the app is up, so that what lives on is not looked at again; fewer objects "
    "made per request; or a higher gc.set_threshold()"
)


def pressures(routes: Iterable[Route]) -> Iterator[FindingSummary]:
    """One finding for each route that collects much; of all its traces, kept or not."""
    for route in routes:
        for stage in route.stages:
            if stage.stage == "gc" and stage.percent > MUCH_PERCENT and route.duration.count >= FEW:
                yield _finding(route, stage)


def _finding(route: Route, stage: Stage) -> FindingSummary:
    return FindingSummary(
        kind=KIND,
        route=route.route,
        query=None,
        statement="garbage collection",
        traces=0,
        count=stage.traces,
        total_ns=stage.total_ns,
        evidence=f"hit {stage.traces:,} of {route.duration.count:,}",
        fix=FIX,
        share=stage.total_ns / route.stages_ns,
        times=stage.traces,
        cost_ns=stage.total_ns,
    )
