"""Whether a version of a service is slower than the one before it."""

from collections.abc import Iterator

from inprofile.core.metrics import REQUESTS, VERSIONS
from inprofile.rules.promql import Durations, either, metric
from inprofile.rules.rule import Alert, Record

VERSION = "service_version"
P95 = "inprofile:request_duration:p95_15m"
SEEN = "inprofile:service_version:seen"
PREVIOUS = "inprofile:previous_version:seen"

LEAST_PER_SECOND = 100 / (15 * 60)
"""Of fewer requests in a window no p95 is told."""

REMEMBERED = "7d"
FACTOR, SLACK_S = 1.25, 0.005
"""Slower is what takes a quarter more, and 5 ms."""


def records() -> Iterator[Record]:
    """Each version's p95 of each route, when versions were seen, and which was the last before.

    A version's requests are those of the instances that run it: while an instance changes over,
    its window has some of both, for as long as the alert waits.
    """
    yield Record(P95, _p95())
    yield Record(SEEN, f"max by (job, {VERSION}) (timestamp({metric(VERSIONS)}))")
    gone = f"last_over_time({SEEN}[{REMEMBERED}]) unless {SEEN}"
    yield Record(PREVIOUS, f"topk by (job) (1, {gone})")


def alerts() -> Iterator[Alert]:
    """The one about it."""
    before = f"last_over_time({P95}[{REMEMBERED}]) and on (job, {VERSION}) {PREVIOUS}"
    yield Alert(
        "InprofileRegression",
        f"{P95}\n> on (job, http_route) group_left ()\n({FACTOR} * ({before}) + {SLACK_S})",
        "ticket",
        "{{ $labels.http_route }} of {{ $labels.job }} is slower in {{ $labels.service_version }}",
        "Its p95 is {{ $value | humanizeDuration }}, a quarter more than that of the version"
        " before. The dashboard Route compares the stages of both.",
        "15m",
    )


def _p95() -> str:
    """By version: the histograms of an instance times 1 with the label of its version."""
    by = f"job, http_route, {VERSION}"
    version = f"on (job, instance) group_left ({VERSION}) {_version()}"
    requests = metric(REQUESTS)
    native = f"sum by ({by}) (rate({requests}[15m]) * {version})"
    classic = f"sum by ({by}, le) (rate({requests}_bucket[15m]) * {version})"
    p95 = either(f"histogram_quantile(0.95, {native})", f"histogram_quantile(0.95, {classic})")
    count = Durations(REQUESTS, "15m").per_second("job", "http_route")
    return f"(\n{p95}\n)\nand on (job, http_route)\n(\n{count}\n) > {LEAST_PER_SECOND:.3g}"


def _version() -> str:
    """1 for each instance, with the version that most of its workers have."""
    return f"topk by (job, instance) (1, {metric(VERSIONS)}) ^ 0"
