"""`python -m benchmarks accuracy`: our quantiles against those of the samples themselves."""

import argparse
import json
import math
import random
import statistics
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

from benchmarks.counts import count
from benchmarks.table import Table, rendered
from inprofile.core.buckets import CLASSIC_S, SEMCONV_S, cumulative, layout, quantile

SUMMARY = "Errors of p50, p95 and p99: ours, and those of Prometheus' usual buckets."
EXAMPLES = """examples:
  scripts/bench accuracy
  scripts/bench accuracy --seeds 100 --samples 100000 --format md
"""
QUANTILES = (0.5, 0.95, 0.99)
METHODS = {
    "inprofile": "inprofile report",
    "exposed": "our /metrics, histogram_quantile",
    "semconv": "semconv buckets, histogram_quantile",
}


def lognormal(chance: random.Random) -> float:
    """Seconds of a route whose median is 40 ms, with a long tail."""
    return chance.lognormvariate(math.log(0.04), 0.8)


def bimodal(chance: random.Random) -> float:
    """Seconds of a cached route: 3 ms four times in five, 120 ms where the cache missed."""
    if chance.random() < 0.8:
        return chance.lognormvariate(math.log(0.003), 0.3)
    return chance.lognormvariate(math.log(0.12), 0.4)


def submillisecond(chance: random.Random) -> float:
    """Seconds of a statement whose median is 120 microseconds."""
    return chance.lognormvariate(math.log(0.00012), 0.6)


DISTRIBUTIONS: dict[str, Callable[[random.Random], float]] = {
    "lognormal, median 40 ms": lognormal,
    "bimodal, 3 ms and 120 ms": bimodal,
    "sub-millisecond, median 120 µs": submillisecond,
}


@dataclass(frozen=True, slots=True)
class Error:
    """How far one method is off for one quantile, over the seeds, in percent of the truth.

    ``median`` is that of the errors' sizes; ``worst`` keeps its sign.
    """

    distribution: str
    q: float
    method: str
    median: float
    worst: float


def true_quantile(q: float, ordered: Sequence[int]) -> int:
    """Return the nearest-rank quantile: the least sample with a share ``q`` at or below it."""
    return ordered[max(math.ceil(q * len(ordered)), 1) - 1]


def histogram_quantile(q: float, bounds: Sequence[float], counts: Sequence[int]) -> float:
    """Return what PromQL's histogram_quantile gives for classic buckets.

    Linear inside a bucket, from zero in the first; the highest bound for what lies above.
    https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
    """
    rank = q * sum(counts)
    below = 0
    for i, bound in enumerate(bounds):
        if counts[i] and below + counts[i] >= rank:
            low = bounds[i - 1] if i else 0.0
            return low + (bound - low) * (rank - below) / counts[i]
        below += counts[i]
    return bounds[-1]


def counted(samples: Sequence[int], bounds: Sequence[int]) -> list[int]:
    """Return how many samples fall into each bucket, the last of them above all bounds."""
    counts = [0] * (len(bounds) + 1)
    for sample in samples:
        counts[bisect_left(bounds, sample)] += 1
    return counts


def estimates(samples: Sequence[int], q: float) -> dict[str, float]:
    """Return each method's quantile in nanoseconds, all from the one layout we store."""
    bounds = layout()
    counts = counted(samples, bounds)
    found = {"inprofile": quantile(q, bounds, counts, max(samples))}
    for method, shown_s in (("exposed", CLASSIC_S), ("semconv", SEMCONV_S)):
        shown = [round(bound * 1e9) for bound in shown_s]
        totals = [*cumulative(bounds, counts, shown), len(samples)]
        shares = [b - a for a, b in pairwise([0, *totals])]
        found[method] = histogram_quantile(q, shown, shares)
    return found


def errors(samples: int, seeds: int) -> Iterator[Error]:
    """Yield the errors of every method on every distribution and quantile."""
    for name, draw in DISTRIBUTIONS.items():
        off: dict[tuple[float, str], list[float]] = {}
        for seed in range(seeds):
            chance = random.Random(seed)  # noqa: S311 - samples, not secrets
            ordered = sorted(round(draw(chance) * 1e9) for _ in range(samples))
            for q in QUANTILES:
                truth = true_quantile(q, ordered)
                for method, estimate in estimates(ordered, q).items():
                    off.setdefault((q, method), []).append(100 * (estimate / truth - 1))
        for (q, method), percents in off.items():
            typical = statistics.median(map(abs, percents))
            yield Error(name, q, method, typical, max(percents, key=abs))


def table(found: Sequence[Error], samples: int, seeds: int) -> Table:
    """Return the errors with a column for each method."""
    by_row: dict[tuple[str, float], dict[str, Error]] = {}
    for error in found:
        by_row.setdefault((error.distribution, error.q), {})[error.method] = error
    cells = [
        [f"{name}: p{q * 100:g}"]
        + [f"{row[method].median:.2f} % ({row[method].worst:+.1f} %)" for method in METHODS]
        for (name, q), row in by_row.items()
    ]
    title = f"Error of quantiles: median (worst) of {seeds} seeds, {samples:,} samples each"
    return Table(title, ["", *METHODS.values()], cells)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--samples", type=count, default=20_000, help="in each sample (20000)")
    parser.add_argument("--seeds", type=count, default=20, help="how many samples (20)")
    parser.add_argument("--format", choices=("text", "md", "json"), default="text")


def run(arguments: argparse.Namespace) -> int:
    """Print the errors."""
    found = list(errors(arguments.samples, arguments.seeds))
    if arguments.format == "json":
        print(json.dumps([asdict(error) for error in found], indent=1))
    else:
        print(rendered([table(found, arguments.samples, arguments.seeds)], arguments.format))
    return 0
