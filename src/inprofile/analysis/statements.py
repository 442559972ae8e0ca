"""Database statements and the commands of caches, ranked by the time they took in all."""

from collections.abc import Mapping
from dataclasses import dataclass

from inprofile.analysis.distribution import Distribution
from inprofile.analysis.routes import Route
from inprofile.analysis.series import within
from inprofile.core.metrics import DB
from inprofile.core.slots import Snapshot


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, its literals masked, or one command of a cache, as one route issues it.

    The ``text`` of a command is empty: its keys are nobody's business.
    ``per_trace`` is its runs per request (or job, or connection) of the route, and
    ``share_of_route`` its part (0...1) of the route's time. Its durations are by the clock:
    those of runs that overlap count in full, so shares may make more than 1.
    """

    route: str
    system: str
    operation: str
    collection: str
    text: str
    per_trace: float
    share_of_route: float
    duration: Distribution

    @property
    def name(self) -> str:
        """What people call it: ``SELECT a FROM t``, or ``redis GET``."""
        return self.text or f"{self.system} {self.operation}".lstrip()


def statements(counted: Snapshot, routes: Mapping[str, Route]) -> tuple[Statement, ...]:
    """The statements and commands of ``routes``, the most expensive first."""
    found = []
    for (route, system, operation, collection, text), words in within(counted, DB, routes):
        duration = Distribution.of([words], counted.bounds)
        whole = routes[route]
        found.append(
            Statement(
                route=route,
                system=system,
                operation=operation,
                collection=collection,
                text=text,
                per_trace=duration.count / whole.duration.count,
                share_of_route=duration.total_ns
                / (whole.stages_ns or whole.duration.total_ns or 1),
                duration=duration,
            )
        )
    return tuple(sorted(found, key=lambda each: (-each.duration.total_ns, each.route, each.name)))
