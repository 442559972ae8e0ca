"""How long the runs of one thing took: count, total, quantiles, maximum."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from inprofile.core.buckets import quantile
from inprofile.core.cells import BUCKETS, LARGEST, SUM


@dataclass(frozen=True, slots=True)
class Distribution:
    """Durations in nanoseconds.

    ``count``, ``total_ns`` and ``max_ns`` are exact; the quantiles are interpolated inside
    of a histogram bucket, which is 9 % wide.
    """

    count: int
    total_ns: int
    mean_ns: int
    p50_ns: int
    p95_ns: int
    p99_ns: int
    max_ns: int

    @classmethod
    def of(cls, histograms: Iterable[Sequence[int]], bounds: Sequence[int]) -> Self:
        """The sum of several histograms' words (see core/cells.py), at least one observation."""
        rows = list(histograms)
        counts = [sum(column) for column in zip(*(row[BUCKETS:] for row in rows), strict=True)]
        count, total_ns = sum(counts), sum(row[SUM] for row in rows)
        largest_ns = max(row[LARGEST] for row in rows)
        p50, p95, p99 = (round(quantile(q, bounds, counts, largest_ns)) for q in (0.5, 0.95, 0.99))
        return cls(count, total_ns, round(total_ns / count), p50, p95, p99, largest_ns)
