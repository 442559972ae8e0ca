"""Where the time of one route goes: exclusive times that add up to 100 %."""

from collections.abc import Sequence
from dataclasses import dataclass

from inprofile.analysis.apportionment import percentages
from inprofile.analysis.series import Words
from inprofile.core.buckets import quantile
from inprofile.core.cells import BUCKETS, SUM, Key
from inprofile.core.metrics import STAGE


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of one route.

    ``percent`` is its part of the sum of all stages of the route; they make exactly 100.0.
    ``per_trace_ns`` is the mean over all the route's traces, ``traces`` in how many of them
    it occurred, and ``p95_ns`` the quantile over those.
    """

    stage: str
    percent: float
    total_ns: int
    per_trace_ns: int
    traces: int
    p95_ns: int


def stages(
    histograms: Sequence[tuple[Key, Words]], traces: int, bounds: Sequence[int]
) -> tuple[Stage, ...]:
    """The stages of a route that had ``traces`` traces, the longest first."""
    label = STAGE.labels.index("stage")
    rows = sorted(
        ((values[label], words) for values, words in histograms),
        key=lambda row: (-row[1][SUM], row[0]),
    )
    parts = percentages([words[SUM] for _, words in rows])
    return tuple(
        _stage(stage, words, percent, traces, bounds)
        for (stage, words), percent in zip(rows, parts, strict=True)
    )


def _stage(name: str, words: Words, percent: float, traces: int, bounds: Sequence[int]) -> Stage:
    counts, total_ns = words[BUCKETS:], words[SUM]
    return Stage(
        stage=name,
        percent=percent,
        total_ns=total_ns,
        per_trace_ns=round(total_ns / traces),
        traces=sum(counts),
        # Meters leave a stage's largest out; none can be larger than all together.
        p95_ns=round(quantile(0.95, bounds, counts, total_ns)),
    )
