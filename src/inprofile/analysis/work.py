"""Everything that entered by one kind of door: requests, jobs, or websocket connections."""

from collections.abc import Collection
from dataclasses import dataclass

from inprofile.analysis.operations import Operation, operations
from inprofile.analysis.outbound import Outbound, outbound
from inprofile.analysis.routes import Route
from inprofile.analysis.statements import Statement, statements
from inprofile.core.slots import Snapshot


@dataclass(frozen=True, slots=True)
class Work:
    """What was done and what it took; each list has the most expensive first."""

    count: int
    failed: int
    total_ns: int
    routes: tuple[Route, ...]
    statements: tuple[Statement, ...]
    commands: tuple[Statement, ...]
    outbound: tuple[Outbound, ...]
    operations: tuple[Operation, ...]

    def of_stages(self, *stages: str) -> tuple[Operation, ...]:
        """The operations of these stages."""
        return tuple(each for each in self.operations if each.stage in stages)


def work(counted: Snapshot, routes: tuple[Route, ...], elsewhere: Collection[str] = ()) -> Work:
    """What the cells know of ``routes``; what those ``elsewhere`` did is told elsewhere."""
    told = {route.route: route for route in routes if route.route not in elsewhere}
    issued = statements(counted, told)
    return Work(
        count=sum(route.duration.count for route in routes),
        failed=sum(route.failed for route in routes),
        total_ns=sum(route.duration.total_ns for route in routes),
        routes=routes,
        statements=tuple(each for each in issued if each.text),
        commands=tuple(each for each in issued if not each.text),
        outbound=outbound(counted, told),
        operations=operations(counted, told),
    )
