"""Named operations (dependencies, middleware, serializers, log calls ...), ranked by time."""

from collections.abc import Mapping
from dataclasses import dataclass

from inprofile.analysis.routes import Route
from inprofile.analysis.series import Words, within
from inprofile.core.cells import COUNT, SUM
from inprofile.core.metrics import OPERATION
from inprofile.core.slots import Snapshot


@dataclass(frozen=True, slots=True)
class Use:
    """An operation in one route; ``per_trace`` is its calls per request of that route."""

    route: str
    calls: int
    total_ns: int
    per_trace: float
    share_of_route: float


@dataclass(frozen=True, slots=True)
class Operation:
    """One named operation over all routes; times are exclusive and exact.

    ``share`` is its part (0...1) of the time of all routes; ``per_trace`` its calls per
    request of those routes that use it.
    """

    stage: str
    name: str
    calls: int
    total_ns: int
    share: float
    per_trace: float
    uses: tuple[Use, ...]


def operations(counted: Snapshot, routes: Mapping[str, Route]) -> tuple[Operation, ...]:
    """The operations of ``routes``, the most expensive first."""
    rows: dict[tuple[str, str], list[tuple[str, Words]]] = {}
    for (route, stage, name), words in within(counted, OPERATION, routes):
        rows.setdefault((stage, name), []).append((route, words))
    whole_ns = sum(route.duration.total_ns for route in routes.values()) or 1
    found = []
    for (stage, name), by_route in rows.items():
        uses = [_use(routes[route], words) for route, words in by_route]
        uses.sort(key=lambda use: (-use.total_ns, use.route))
        calls, total_ns = sum(use.calls for use in uses), sum(use.total_ns for use in uses)
        traces = sum(routes[use.route].duration.count for use in uses)
        share = total_ns / whole_ns
        found.append(Operation(stage, name, calls, total_ns, share, calls / traces, tuple(uses)))
    return tuple(sorted(found, key=lambda each: (-each.total_ns, each.stage, each.name)))


def _use(route: Route, words: Words) -> Use:
    whole_ns = route.stages_ns or route.duration.total_ns or 1
    return Use(
        route=route.route,
        calls=words[COUNT],
        total_ns=words[SUM],
        per_trace=words[COUNT] / route.duration.count,
        share_of_route=words[SUM] / whole_ns,
    )
