"""Outbound HTTP requests, ranked by the time they took in all."""

from collections.abc import Mapping
from dataclasses import dataclass

from inprofile.analysis.distribution import Distribution
from inprofile.analysis.routes import Route
from inprofile.analysis.series import grouped, observations
from inprofile.core.metrics import HTTP_CLIENT
from inprofile.core.slots import Snapshot


@dataclass(frozen=True, slots=True)
class Outbound:
    """The requests that one route sends to one server with one method.

    ``failed`` counts those that ended in an exception or an error type. ``share_of_route`` is by
    the clock, as that of a statement.
    """

    route: str
    method: str
    server: str
    failed: int
    per_trace: float
    share_of_route: float
    duration: Distribution


def outbound(counted: Snapshot, routes: Mapping[str, Route]) -> tuple[Outbound, ...]:
    """The outbound requests of ``routes``, the most expensive first."""
    labels = ("http.route", "http.request.method", "server.address")
    error = HTTP_CLIENT.labels.index("error.type")
    found = []
    for (route, method, server), rows in grouped(counted, HTTP_CLIENT, *labels).items():
        if route not in routes:
            continue
        duration = Distribution.of([words for _, words in rows], counted.bounds)
        whole = routes[route]
        found.append(
            Outbound(
                route=route,
                method=method,
                server=server,
                failed=sum(observations(HTTP_CLIENT, w) for values, w in rows if values[error]),
                per_trace=duration.count / whole.duration.count,
                share_of_route=duration.total_ns
                / (whole.stages_ns or whole.duration.total_ns or 1),
                duration=duration,
            )
        )
    return tuple(sorted(found, key=lambda each: (-each.duration.total_ns, each.route)))
