"""The one bucket layout from which every export and our own quantiles derive."""

import math
from bisect import bisect_left
from collections.abc import Sequence

FIRST_NS = 10_000
LAST_NS = 100_000_000_000
SCHEMA = 3
"""2**SCHEMA bounds per doubling, as in an OpenTelemetry exponential histogram of scale 3."""

SEMCONV_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#metric-httpserverrequestduration"""

STEPS = (1.0, 1.25, 1.5, 2.0, 2.5, 3.5, 5.0, 6.0, 7.5)
CLASSIC_S = (
    *(round(step * 10**power, 6) for power in range(-4, 1) for step in STEPS),
    *(10.0, 15.0, 30.0),
)
"""The bounds that classic histograms show: semconv's, and as many in between and below as it takes
for Prometheus to read p95 and p99 within a tenth (``benchmarks quantiles``)."""


def layout(thresholds_s: Sequence[float] = ()) -> tuple[int, ...]:
    """The upper bounds in nanoseconds, ascending.

    The union of the exponential schema-3 bounds from 10 microseconds to 100 seconds, the
    exposed classic bounds and the user's own ``thresholds_s`` (seconds): a count at or below
    any of them is exact. Schema-3 bounds are 2**(i/8) seconds, rounded down: durations are
    whole nanoseconds, so the same of them lie at or below.
    """
    steps = 2**SCHEMA
    first = math.floor(math.log2(FIRST_NS / 1e9) * steps)
    last = math.ceil(math.log2(LAST_NS / 1e9) * steps)
    exponential = {math.floor(2 ** (i / steps) * 1e9) for i in range(first, last + 1)}
    exact = {max(round(bound * 1e9), 1) for bound in (*CLASSIC_S, *thresholds_s)}
    return tuple(sorted(exponential | exact))


def quantile(q: float, bounds: Sequence[int], counts: Sequence[int], largest_ns: int) -> float:
    """The ``q``-quantile (0...1) in nanoseconds of a histogram, NaN when it is empty.

    ``counts[i]`` lie in ``(bounds[i-1], bounds[i]]``; the last one is above all bounds.
    The k-th of n samples in a bucket is taken to lie at (k - 1/2) / n of it, geometrically (the
    densities we measure fall off exponentially rather than evenly), and never above
    ``largest_ns``. So it is within 1 % where many samples fall into a bucket, and never off by
    more than the bucket's width, 9 %.
    """
    total = sum(counts)
    if not total:
        return math.nan
    rank = max(math.ceil(q * total), 1)
    below = 0
    for i, count in enumerate(counts):
        if below + count >= rank:
            share = (rank - below - 0.5) / count
            return min(_inside(i, share, bounds, largest_ns), float(largest_ns))
        below += count
    return float(largest_ns)


def _inside(i: int, share: float, bounds: Sequence[int], largest_ns: int) -> float:
    if i == 0:
        return bounds[0] * share
    low = bounds[i - 1]
    high = bounds[i] if i < len(bounds) else max(largest_ns, low)
    return float(low * (high / low) ** share)


def cumulative(bounds: Sequence[int], counts: Sequence[int], at_ns: Sequence[int]) -> list[int]:
    """How many observations are at or below each of ``at_ns``, which must be among ``bounds``."""
    running, totals = 0, []
    for count in counts:
        running += count
        totals.append(running)
    return [totals[bisect_left(bounds, bound)] for bound in at_ns]
