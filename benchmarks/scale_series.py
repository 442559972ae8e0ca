"""The series that `benchmarks scale` fills: by us directly, by prometheus_client in a child.

Run as a program it is one worker of prometheus_client's multiprocess mode, which names its
files by process and reads its directory from the environment when it is imported:
python -m benchmarks.scale_series ROUTES
"""

import random
import sys
from collections.abc import Iterator
from pathlib import Path

from inprofile.core import metrics
from inprofile.core.buckets import CLASSIC_S, layout
from inprofile.core.cells import Cells
from inprofile.core.metrics import Family

STAGES = ("receive", "routing", "dependencies", "handler", "orm", "db", "serialization", "send")
OBSERVATIONS = 5
"""Of each series: an observation changes the numbers in a scrape, not the work for it."""

FAMILIES = (metrics.REQUESTS, metrics.FIRST_BYTE, metrics.STAGE)


def series(routes: int) -> Iterator[tuple[Family, tuple[str, ...]]]:
    """Yield the histograms of ``routes`` routes: ten for each."""
    for number in range(routes):
        route = f"/api/v1/resource{number}/{{id}}"
        yield metrics.REQUESTS, ("GET", route, "200", "http", "")
        yield metrics.FIRST_BYTE, (route,)
        for stage in STAGES:
            yield metrics.STAGE, (route, stage)


def durations_ns() -> Iterator[int]:
    """Yield durations without end, the same each time."""
    chance = random.Random(0)  # noqa: S311 - samples, not secrets
    while True:
        yield round(chance.lognormvariate(-4, 1.5) * 1e9)


def write_cells(path: Path, routes: int, capacity_bytes: int) -> Cells:
    """Fill a cells file as a worker would; it counts as alive until it is closed."""
    cells = Cells(path, layout(), capacity_bytes, claimed_ns=1)
    cells.hold()
    duration_ns = durations_ns()
    for family, labels in series(routes):
        offset = cells.offset(family, labels)
        for _ in range(OBSERVATIONS):
            cells.observe(offset, next(duration_ns))
    return cells


def write_prometheus(routes: int) -> None:
    """Observe the same in prometheus_client, with the bounds that we expose."""
    from prometheus_client import Histogram

    from inprofile.exporters.prometheus.spelling import spelled

    histograms = {
        family: Histogram(
            f"{spelled(family.name)}_seconds",
            family.help,
            [spelled(label) for label in family.labels],
            buckets=CLASSIC_S,
        )
        for family in FAMILIES
    }
    duration_ns = durations_ns()
    for family, labels in series(routes):
        histogram = histograms[family].labels(*labels)
        for _ in range(OBSERVATIONS):
            histogram.observe(next(duration_ns) / 1e9)


if __name__ == "__main__":
    write_prometheus(int(sys.argv[1]))
