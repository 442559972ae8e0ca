"""Our buckets as those of an exponential histogram: OpenTelemetry's, Prometheus' native ones."""

import math
from collections.abc import Sequence
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

from inprofile.core.buckets import FIRST_NS, LAST_NS, SCHEMA

STEPS = 2**SCHEMA
FIRST = math.floor(math.log2(FIRST_NS / 1e9) * STEPS)
LAST = math.ceil(math.log2(LAST_NS / 1e9) * STEPS)


class Exponential(NamedTuple):
    """``counts[i]`` lie in ``(base**(offset+i), base**(offset+i+1)]`` s, of base 2**(2**-scale).

    ``zero_count`` are not above ``zero_s``: too short to be told apart.
    """

    scale: int
    offset: int
    counts: list[int]
    zero_s: float
    zero_count: int

    def within(self, most: int) -> "Exponential":
        """The same with at most so many buckets: two become one as often as it takes."""
        scale, offset, counts = self.scale, self.offset, self.counts
        while len(counts) > most:
            if offset % 2:
                counts = [0, *counts]
            if len(counts) % 2:
                counts = [*counts, 0]
            counts = [a + b for a, b in zip(counts[::2], counts[1::2], strict=True)]
            offset, scale = offset // 2, scale - 1
        return self._replace(scale=scale, offset=offset, counts=counts)


class Rebinning:
    """From counts between ``bounds_ns``, which have all bounds of schema 3, to exponential ones.

    Most buckets are one of theirs; a bound of another kind in between has made two or more of it.
    What is above the last bound (100 seconds) goes to the bucket after it.
    """

    def __init__(self, bounds_ns: Sequence[int]) -> None:
        at = {bound: i for i, bound in enumerate(bounds_ns)}
        steps = range(FIRST, LAST + 1)
        ends = [*(at[math.floor(2 ** (i / STEPS) * 1e9)] for i in steps), len(bounds_ns)]
        self._zero_end = ends[0] + 1
        self._last_parts = itemgetter(*ends[1:])
        self._other_parts = [
            (i, part)
            for i, (before, end) in enumerate(pairwise(ends))
            for part in range(before + 1, end)
        ]

    def __call__(self, counts: Sequence[int]) -> Exponential:
        """Without empty buckets at either end. Costs 5 microseconds."""
        between = list(self._last_parts(counts))
        for i, part in self._other_parts:
            between[i] += counts[part]
        filled = bytes(map(bool, between))
        offset, end = max(filled.find(1), 0), filled.rfind(1) + 1
        return Exponential(
            SCHEMA,
            FIRST + offset,
            between[offset:end],
            2 ** (FIRST / STEPS),
            sum(counts[: self._zero_end]),
        )
