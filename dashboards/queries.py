"""What the panels ask of Prometheus: of the chosen service, over what Grafana takes for a step."""

from typing import NamedTuple

from inprofile.core.metrics import Family
from inprofile.rules.promql import Durations, label, selected

STEP = "$__rate_interval"

JOB = label("job", "$job")
ROUTE = label("http.route", "$route")


class Query(NamedTuple):
    """One expression of a panel, and what its series are called."""

    expression: str
    legend: str = ""


def durations(family: Family, *conditions: str, among: str = "") -> Durations:
    """A histogram of the service."""
    return Durations(family, STEP, (JOB, *conditions), among)


def series(family: Family, *conditions: str) -> str:
    """What a family of the service is now."""
    return selected(family, JOB, *conditions)


def rate(family: Family, *conditions: str) -> str:
    """How much a counter of the service grows in a second."""
    return f"rate({series(family, *conditions)}[{STEP}])"


def quantiles(observed: Durations) -> tuple[Query, ...]:
    """The three that everybody asks for."""
    return tuple(Query(observed.quantile(q), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99))


def ratio(part: str, whole: str) -> str:
    """One divided by the other."""
    return f"(\n{part}\n)\n/\n(\n{whole}\n)"


def or_none(expression: str, *, like: str) -> str:
    """0 for each series of ``like`` for which there is nothing."""
    return f"{expression}\nor\n0 * {like}"
