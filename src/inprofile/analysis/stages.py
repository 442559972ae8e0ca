"""Where the time of one route goes: exclusive times that add up to 100 %."""

from collections.abc import Sequence
from dataclasses import dataclass

from inprofile.analysis.apportionment import percentages
from inprofile.analysis.distribution import Distribution
from inprofile.analysis.series import Words
from inprofile.core.cells import Key
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
    durations = [(values[label], Distribution.of([words], bounds)) for values, words in histograms]
    durations.sort(key=lambda row: (-row[1].total_ns, row[0]))
    parts = percentages([duration.total_ns for _, duration in durations])
    return tuple(
        Stage(
            stage=stage,
            percent=percent,
            total_ns=duration.total_ns,
            per_trace_ns=round(duration.total_ns / traces),
            traces=duration.count,
            p95_ns=duration.p95_ns,
        )
        for (stage, duration), percent in zip(durations, parts, strict=True)
    )
