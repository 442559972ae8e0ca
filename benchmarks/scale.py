"""`python -m benchmarks scale`: what a scrape costs with many routes and workers."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import scale_dead
from benchmarks.counts import count, counts
from benchmarks.machine import about, sentence
from benchmarks.scale_series import FAMILIES, series, write_cells
from benchmarks.table import Table, rendered
from inprofile.core.buckets import layout
from inprofile.core.slots import snapshot
from inprofile.exporters.prometheus.exposition import exposition
from inprofile.exporters.prometheus.spelling import spelled

SUMMARY = "Cost of a scrape by routes and workers, against prometheus_client's multiprocess mode."
EXAMPLES = """examples:
  scripts/bench scale
  scripts/bench scale --routes 50,500,1000 --workers 4 --format md
  scripts/bench scale --routes 1000 --workers 1 --dead 0
"""
ROOT = Path(__file__).parents[1]
CAPACITY_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Cost:
    """One scrape: the fastest and the median of some, the bytes it gave and those on disk."""

    fastest_ms: float
    median_ms: float
    scraped_bytes: int
    disk_bytes: int


@dataclass(frozen=True, slots=True)
class Row:
    """Both sides at one size; ``series`` are those that a scrape of ours has."""

    routes: int
    workers: int
    histograms: int
    series: int
    ours: Cost
    theirs: Cost


def measure(routes: int, workers: int, repeats: int) -> Row:
    """Fill both sides with the same series and scrape them in turns. Raises RuntimeError."""
    with tempfile.TemporaryDirectory(prefix="inprofile-bench-") as directory:
        ours, theirs = Path(directory, "ours"), Path(directory, "theirs")
        ours.mkdir(mode=0o700)
        theirs.mkdir(mode=0o700)
        live = [
            write_cells(ours / f"{n}.1.{n}.cells", routes, CAPACITY_BYTES) for n in range(workers)
        ]
        try:
            for _ in range(workers):
                _write_theirs(theirs, routes)
            costs = _in_turns([lambda: scrape_ours(ours), lambda: scrape_theirs(theirs)], repeats)
            shown = scrape_ours(ours).decode().splitlines()
        finally:
            for cells in live:
                cells.close()
        sizes = [_disk_bytes(path) for path in (ours, theirs)]
    histograms = sum(1 for _ in series(routes))
    samples = sum(1 for line in shown if not line.startswith("#"))
    ours_cost, theirs_cost = (Cost(*cost, size) for cost, size in zip(costs, sizes, strict=True))
    return Row(routes, workers, histograms, samples, ours_cost, theirs_cost)


def scrape_ours(directory: Path) -> bytes:
    """Read all cells files of a group and write the exposition."""
    parts, _ = exposition(snapshot(directory, layout()), "")
    return b"".join(parts)


def scrape_theirs(directory: Path) -> bytes:
    """Read all files of a multiprocess directory and write the exposition."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(directory))  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def observations(scraped: bytes) -> dict[str, float]:
    """Return the number of observations in each family of a scrape, to hold one against another."""
    totals = {f"{spelled(family.name)}_seconds_count": 0.0 for family in FAMILIES}
    for line in scraped.decode().splitlines():
        name = line.partition("{")[0]
        if name in totals:
            totals[name] += float(line.rpartition(" ")[2])
    return totals


def _in_turns(
    scrapes: Sequence[Callable[[], bytes]], repeats: int
) -> list[tuple[float, float, int]]:
    """Time each scrape once a turn, after a turn that does not count."""
    bodies = [scrape() for scrape in scrapes]
    if len({tuple(observations(body).values()) for body in bodies}) > 1:
        raise RuntimeError(f"the scrapes differ: {[observations(body) for body in bodies]}")
    taken_ms: list[list[float]] = [[] for _ in scrapes]
    for _ in range(repeats):
        for times, scrape in zip(taken_ms, scrapes, strict=True):
            start_ns = time.perf_counter_ns()
            scrape()
            times.append((time.perf_counter_ns() - start_ns) / 1e6)
    return [
        (min(times), statistics.median(times), len(body))
        for times, body in zip(taken_ms, bodies, strict=True)
    ]


def _write_theirs(directory: Path, routes: int) -> None:
    subprocess.run(
        [sys.executable, "-m", "benchmarks.scale_series", str(routes)],
        cwd=ROOT,
        env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(directory)},
        check=True,
    )


def _disk_bytes(directory: Path) -> int:
    """What the files take, holes not counted."""
    return sum(path.stat().st_blocks * 512 for path in directory.iterdir())


def table(rows: Sequence[Row]) -> Table:
    """Return the rows with their ratio: how many times cheaper ours is."""
    header = (
        "routes × workers", "histograms", "series",
        "ours ms", "theirs ms", "theirs ÷ ours",
        "ours KB", "theirs KB", "ours MB on disk", "theirs MB on disk",
    )  # fmt: skip
    cells = [
        (
            f"{row.routes} × {row.workers}",
            f"{row.histograms:,}",
            f"{row.series:,}",
            f"{row.ours.fastest_ms:.1f} ({row.ours.median_ms:.1f})",
            f"{row.theirs.fastest_ms:.1f} ({row.theirs.median_ms:.1f})",
            f"{row.theirs.fastest_ms / row.ours.fastest_ms:.1f}",
            f"{row.ours.scraped_bytes / 1e3:,.0f}",
            f"{row.theirs.scraped_bytes / 1e3:,.0f}",
            f"{row.ours.disk_bytes / 1e6:.1f}",
            f"{row.theirs.disk_bytes / 1e6:.1f}",
        )
        for row in rows
    ]
    title = "A scrape: fastest (median); promised of ours: at most 150 ms for 10,000 series"
    return Table(title, header, cells)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    numbers = "N,..."
    parser.add_argument(
        "--routes", type=counts, metavar=numbers, default=(20, 50, 500), help="default 20,50,500"
    )
    parser.add_argument(
        "--workers", type=counts, metavar=numbers, default=(1, 4, 16), help="default 1,4,16"
    )
    parser.add_argument("--dead", type=int, default=200, help="workers that have died (200)")
    parser.add_argument("--repeats", type=count, default=7, help="scrapes of each side (7)")
    parser.add_argument("--format", choices=("text", "md", "json"), default="text")
    parser.add_argument("--date", help="recorded as it is given")


def run(arguments: argparse.Namespace) -> int:
    """Measure each size and print the table."""
    rows = []
    for routes in arguments.routes:
        for workers in arguments.workers:
            print(f"{routes} routes, {workers} workers", file=sys.stderr, flush=True)
            rows.append(measure(routes, workers, arguments.repeats))
    dead = []
    if arguments.dead > 0:
        print(f"{arguments.dead} dead workers", file=sys.stderr, flush=True)
        in_turns = partial(_in_turns, repeats=arguments.repeats)
        dead = scale_dead.measure(
            arguments.dead, scrape_ours, scrape_theirs, _write_theirs, in_turns
        )
    found = {
        "about": about(("inprofile", "prometheus-client"), arguments.date),
        "rows": [asdict(row) for row in rows],
        "dead": [asdict(row) for row in dead],
    }
    style = arguments.format
    print(json.dumps(found, indent=1) if style == "json" else page(found, style))
    return 0


def page(found: Mapping[str, Any], style: str) -> str:
    """Return what was measured, as its JSON has it, as ``md`` or ``text``."""
    rows = [
        Row(**row | {side: Cost(**row[side]) for side in ("ours", "theirs")})
        for row in found["rows"]
    ]
    dead = [scale_dead.Dead(**row) for row in found["dead"]]
    tables = [table(rows), *map(scale_dead.table, [dead] * bool(dead))]
    return rendered([*tables, [sentence(found["about"])]], style)
