"""Our buckets as those of an exponential histogram: OpenTelemetry's, Prometheus' native ones."""

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
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

    What is above the last bound (100 seconds) goes to the bucket after it.
    """

    def __init__(self, bounds_ns: Sequence[int]) -> None:
        at = {bound: i for i, bound in enumerate(bounds_ns)}
        steps = range(FIRST, LAST + 1)
        self._at = itemgetter(*(at[math.floor(2 ** (i / STEPS) * 1e9)] for i in steps), -1)

    def __call__(self, counts: Sequence[int]) -> Exponential:
        """Without empty buckets at either end. Costs 10 microseconds."""
        cumulative = self._at(list(accumulate(counts)))
        between = [b - a for a, b in pairwise(cumulative)]
        offset, end = 0, len(between)
        while end and not between[end - 1]:
            end -= 1
        while offset < end and not between[offset]:
            offset += 1
        return Exponential(
            SCHEMA, FIRST + offset, between[offset:end], 2 ** (FIRST / STEPS), cumulative[0]
        )
