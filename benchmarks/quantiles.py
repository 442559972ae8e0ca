"""`python -m benchmarks quantiles`: p95 and p99 as Prometheus reads them, and as they were."""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from benchmarks.accuracy import counted, histogram_quantile, true_quantile
from benchmarks.counts import count
from benchmarks.distributions import DISTRIBUTIONS
from benchmarks.machine import about, sentence
from benchmarks.table import Table, rendered
from inprofile.core.buckets import SEMCONV_S
from inprofile.core.metrics import REQUESTS
from inprofile.core.slots import snapshot
from inprofile.exporters.exponential import Exponential, Rebinning
from inprofile.exporters.exposed import exposed
from tests.load.k6 import load
from tests.prometheus import CLASSIC, Prometheus, prometheus
from tests.servers import free_port, running

SUMMARY = "Errors of p95 and p99 as a real Prometheus reads them off a real server."
EXAMPLES = """examples:
  scripts/bench quantiles
  scripts/bench quantiles --requests 500 --format md
"""
QUANTILES = (0.95, 0.99)
LIMITS = {"classic": 10.0, "native": 5.0, "otlp": 5.0}
"""Per cent that are promised of each way; nothing is of semconv's bounds."""

NAMES = {
    "classic": "classic histogram",
    "native": "native histogram",
    "otlp": "OTLP exponential",
    "semconv": "semconv's bounds",
}
OTLP_BUCKETS = 160
METRIC = "http_server_request_duration_seconds"
PATIENCE_S = 60
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Row:
    """One quantile in seconds as it was, and how far each way is off, in per cent."""

    distribution: str
    requests: int
    q: float
    true: float
    off: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Readers:
    """Two Prometheus of one server: one reads classic histograms, one native ones."""

    classic: Prometheus
    native: Prometheus


def measure(requests: int) -> Iterator[Row]:
    """Ask a server for each distribution, and compare. Raises RuntimeError."""
    with TemporaryDirectory(prefix="inprofile-bench-") as directory:
        home = Path(directory)
        with _served(home) as url, _read(url.removeprefix("http://")) as readers:
            for name, of in DISTRIBUTIONS.items():
                print(f"{requests} requests: {of.about}", file=sys.stderr, flush=True)
                limit = f"iterations={requests}"
                with load(f"{url}/{name}", home, limit, users=of.at_once, reuse=True) as asked:
                    whole, broken = asked.ended()
                if (whole, broken) != (requests, 0):
                    raise RuntimeError(f"{whole} requests arrived, {broken} did not")
                yield from _rows(name, requests, home, readers)


@contextmanager
def _served(home: Path) -> Iterator[str]:
    """The application under uvicorn, and its URL."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    os.environ |= {"INPROFILE_DIR": str(home / "groups"), "TRUTH": str(home / "truth")}
    os.environ |= {"INPROFILE_LOG_FINDINGS": "0", "PYTHONPATH": os.pathsep.join(sys.path)}
    command: list[str | Path] = [sys.executable, "-m", "uvicorn", "benchmarks.quantiles_app:app"]
    command += [f"--port={port}", "--log-level=warning", f"--app-dir={ROOT}"]
    with running(command, home, None, lambda: _answers(url)):
        yield url


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/metrics").is_success
    except httpx.TransportError:
        return False


@contextmanager
def _read(target: str) -> Iterator[Readers]:
    with prometheus([target], features=CLASSIC) as classic, prometheus([target]) as native:
        yield Readers(classic, native)


def _rows(name: str, requests: int, home: Path, readers: Readers) -> Iterator[Row]:
    series = f'{METRIC}{{http_route="/{name}"}}'
    _wait(readers.native, f"sum(histogram_count({series}))", requests)
    _wait(readers.classic, f"sum({series.replace('{', '_count{', 1)})", requests)
    lines = (line.split() for line in (home / "truth").read_text().splitlines())
    ordered = sorted(int(length_ns) for of, length_ns in lines if of == name)
    buckets = series.replace("{", "_bucket{", 1)
    semconv_ns = [round(bound * 1e9) for bound in SEMCONV_S]
    exponential = _exponential(home / "groups", f"/{name}")
    for q in QUANTILES:
        true = true_quantile(q, ordered) / 1e9
        read = {
            "classic": readers.classic.value(f"histogram_quantile({q}, sum by (le) ({buckets}))"),
            "native": readers.native.value(f"histogram_quantile({q}, sum({series}))"),
            "otlp": exponential_quantile(q, exponential),
            "semconv": histogram_quantile(q, semconv_ns, counted(ordered, semconv_ns)) / 1e9,
        }
        off = {way: 100 * (value / true - 1) for way, value in read.items()}
        yield Row(DISTRIBUTIONS[name].about, len(ordered), q, true, off)


def _wait(reader: Prometheus, expression: str, wanted: int) -> None:
    """Until it has read what was counted: as much as k6 has sent, and no more."""
    found, deadline = -1.0, time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        values = reader.query(expression)
        found = float(values[0]["value"][1]) if values else -1.0
        if found == wanted:
            return
        time.sleep(0.2)
    raise RuntimeError(f"{found:g} of {wanted} requests are in Prometheus: {expression}")


def _exponential(groups: Path, route: str) -> Exponential:
    """The point that is exported by OTLP, of what the server has counted."""
    (group,) = (path for path in groups.iterdir() if path.is_dir())
    found = snapshot(group)
    (family,) = (one for one in exposed(found) if one.name == REQUESTS.name)
    at = family.labels.index("http.route")
    (counts,) = (one.counts for one in family.series if one[0][at] == route)  # type: ignore[union-attr]
    return Rebinning(found.bounds)(counts).within(OTLP_BUCKETS)


def exponential_quantile(q: float, found: Exponential) -> float:
    """Return what PromQL's histogram_quantile gives for exponential buckets, since 3.0.

    Exponential inside a bucket.
    https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
    """
    rank = q * (found.zero_count + sum(found.counts))
    below, base = found.zero_count, 2**2.0**-found.scale
    if rank <= below:
        return found.zero_s * rank / below
    for index, inside in enumerate(found.counts, start=found.offset):
        if inside and below + inside >= rank:
            return float(base ** (index + (rank - below) / inside))
        below += inside
    return float(base ** (found.offset + len(found.counts)))


def table(found: Sequence[Row]) -> Table:
    """Return the rows, with what is promised of each way."""
    cells = [
        (
            f"{row.distribution}: p{100 * row.q:g}",
            f"{1e3 * row.true:.3g} ms",
            *(_shown(way, row.off[way]) for way in NAMES),
        )
        for row in found
    ]
    header = ("", "truth", *(name + _promised(way) for way, name in NAMES.items()))
    least = min(row.requests for row in found)
    title = f"Error of p95 and p99 in Prometheus, {least:,} requests each"
    return Table(title, header, cells)


def _promised(way: str) -> str:
    return f" (≤ {LIMITS[way]:g} %)" if way in LIMITS else ""


def _shown(way: str, off: float) -> str:
    limit = LIMITS.get(way)
    missed = limit is not None and abs(off) > limit
    return f"{off:+.1f} %{' missed' if missed else ''}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--requests", type=count, default=5000, help="of each (5000)")
    parser.add_argument("--format", choices=("text", "md", "json"), default="text")
    parser.add_argument("--date", help="recorded as it is given")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print the table."""
    rows = [asdict(row) for row in measure(arguments.requests)]
    found = {"about": about(("inprofile", "uvicorn"), arguments.date), "rows": rows}
    style = arguments.format
    print(json.dumps(found, indent=1) if style == "json" else page(found, style))
    return 0


def page(found: Mapping[str, Any], style: str) -> str:
    """Return what was measured, as its JSON has it, as ``md`` or ``text``."""
    rows = [Row(**row) for row in found["rows"]]
    return rendered([table(rows), [sentence(found["about"])]], style)
