"""Whether something happens more often the more elements there are, over many traces."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from statistics import StatisticsError, correlation, linear_regression
from typing import NamedTuple

GROWS, VARIES, CONSTANT, UNKNOWN = "grows", "varies", "constant", "unknown"

CORRELATED = 0.5
"""From this correlation of runs and elements on, runs grow with the elements. Half of what one
explains of the other is a large effect by Cohen (Statistical Power Analysis, 1988)."""

SMALL = 10
"""Up to so many runs a constant count costs little, and will go on doing so."""

SURE = 3
"""Equal counts in so many traces are taken for a rule."""


class Sample(NamedTuple):
    """One trace: how often it happened, for how many different elements, and how long that took."""

    runs: int
    elements: int
    total_ns: int


@dataclass(frozen=True, slots=True)
class Growth:
    """How often it happens in a trace: from ``least`` to ``most`` in ``traces`` of them.

    ``verdict`` is "grows" (with the elements), "varies" (and not with them), "constant" or
    "unknown" (seen in one trace). ``power`` is by which power of the elements the runs grow: 1
    for one query a row, 2 for rows of rows. ``element_ns`` is the mean time for one element.
    Both are None where they cannot be known.
    """

    verdict: str
    traces: int
    least: int
    most: int
    power: float | None = None
    element_ns: int | None = None

    @property
    def is_harmless(self) -> bool:
        """Whether it stays small however much there is, as far as that was seen."""
        return self.verdict == CONSTANT and self.most <= SMALL and self.traces >= SURE


def growth(samples: Sequence[Sample]) -> Growth:
    """The growth over ``samples``, of which there is at least one."""
    counts = [sample.runs for sample in samples]
    elements = [sample.elements for sample in samples]
    total_ns, all_elements = sum(sample.total_ns for sample in samples), sum(elements)
    verdict = _verdict(counts, elements)
    return Growth(
        verdict=verdict,
        traces=len(samples),
        least=min(counts),
        most=max(counts),
        power=_power(counts, elements) if verdict == GROWS else None,
        element_ns=total_ns // all_elements if all_elements else None,
    )


def _verdict(counts: Sequence[int], elements: Sequence[int]) -> str:
    if len(counts) == 1:
        return UNKNOWN
    if min(counts) == max(counts):
        return CONSTANT
    try:
        return GROWS if correlation(counts, elements) >= CORRELATED else VARIES
    except StatisticsError:  # always as many elements
        return VARIES


def _power(counts: Sequence[int], elements: Sequence[int]) -> float | None:
    """The slope of the logarithms. Two sizes are enough for one, and one is not."""
    if min(*counts, *elements) < 1:
        return None
    slope = linear_regression([log(each) for each in elements], [log(each) for each in counts])
    return round(slope.slope, 2)
