"""How fast objectives use up what they allow, and the alerts about that.

A burn rate of 1 uses up just what is allowed; several windows and thresholds as in
https://sre.google/workbook/alerting-on-slos/ (6: multiwindow, multi-burn-rate alerts).
"""

from collections.abc import Iterator
from typing import NamedTuple

from inprofile.core.metrics import REQUESTS
from inprofile.objectives import Objective
from inprofile.rules.promql import Durations, label
from inprofile.rules.rule import Alert, Record

ROUTE = "http.route"
FAILED = label("http.response.status_code", "5..", "=~")

RECORDED = "inprofile:slo_burn:rate"


class Pair(NamedTuple):
    """Fires while both windows burn faster than ``factor``: the short one soon says it is over."""

    short: str
    long: str
    factor: float
    severity: str


PAIRS = (
    Pair("5m", "1h", 14.4, "page"),
    Pair("30m", "6h", 6, "page"),
    Pair("2h", "1d", 3, "ticket"),
    Pair("6h", "3d", 1, "ticket"),
)
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


def records(objective: Objective, route: str = "") -> Iterator[Record]:
    """The burn rate over each window, for a route or without one for the whole service."""
    for window in WINDOWS:
        yield Record(RECORDED + window, _burn(objective, route, window), {"slo": str(objective)})


def alerts() -> Iterator[Alert]:
    """One for each pair of windows, about all objectives."""
    for short, long, factor, severity in PAIRS:
        yield Alert(
            "InprofileBudgetBurn",
            f"{RECORDED}{long} > {factor:g}\nand\n{RECORDED}{short} > {factor:g}",
            severity,
            "{{ $labels.job }} {{ $labels.http_route }} misses {{ $labels.slo }}",
            f"For {long} it has used up what it may {{{{ $value | humanize }}}} times as fast as"
            f" it is allowed to, and over the last {short} it still does ({factor:g} is too much).",
            labels={"window": long},
        )


def _burn(objective: Objective, route: str, window: str) -> str:
    requests = Durations(REQUESTS, window, (label(ROUTE, route),) if route else ())
    by = ("job", ROUTE) if route else ("job",)
    missed = (
        _failed(requests, by)
        if objective.threshold_ms is None
        else requests.share_above(objective.threshold_ms, *by)
    )
    # Without requests it is NaN, which no comparison lets through, and which would spoil averages.
    return f"(\n{missed}\n) / {objective.budget_percent / 100:g} > -1"


def _failed(requests: Durations, by: tuple[str, ...]) -> str:
    """None have failed where there is no series of failures."""
    every = requests.per_second(*by)
    failed = requests.where(FAILED).per_second(*by)
    return f"((\n{failed}\n)\nor\n0 * (\n{every}\n))\n/\n(\n{every}\n)"
