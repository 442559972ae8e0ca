"""Exponential buckets hold what ours hold."""

import math
from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inprofile.core.buckets import layout
from inprofile.exporters.exponential import FIRST, LAST, Exponential, Rebinning

BOUNDS = layout([0.0333])
REBINNED = Rebinning(BOUNDS)
ZERO_NS = math.floor(2 ** (FIRST / 8) * 1e9)
LAST_NS = math.floor(2 ** (LAST / 8) * 1e9)


def counted(durations_ns):
    counts = [0] * (len(BOUNDS) + 1)
    for length_ns in durations_ns:
        counts[bisect_left(BOUNDS, length_ns)] += 1
    return counts


def edges_ns(found, index):
    """Between which whole nanoseconds a bucket is, without the lower and with the upper."""
    base = 2**2**-found.scale
    return math.floor(base**index * 1e9 + 1e-6), math.floor(base ** (index + 1) * 1e9 + 1e-6)


@given(st.lists(st.integers(0, LAST_NS), max_size=60), st.sampled_from([8, 20, 160]))
def test_every_duration_is_in_the_bucket_whose_bounds_are_around_it(durations_ns, most):
    found = REBINNED(counted(durations_ns)).within(most)
    assert len(found.counts) <= most
    assert found.zero_count == sum(length_ns <= ZERO_NS for length_ns in durations_ns)
    for i, count in enumerate(found.counts, start=found.offset):
        low, high = edges_ns(found, i)
        inside = [ns for ns in durations_ns if max(low, ZERO_NS) < ns <= high]
        assert count == len(inside)
    assert found.zero_count + sum(found.counts) == len(durations_ns)


def test_nothing_has_no_buckets():
    found = REBINNED(counted([]))
    assert (found.scale, found.counts, found.zero_count) == (3, [], 0)
    assert found.zero_s == pytest.approx(ZERO_NS / 1e9, rel=1e-4)


def test_what_is_above_all_bounds_is_in_the_bucket_after_them():
    found = REBINNED(counted([10**15]))
    assert (found.offset, found.counts) == (LAST, [1])


@pytest.mark.parametrize("offset", [-5, -4, 0, 3])
def test_where_there_are_too_many_two_become_one_by_their_bounds(offset):
    fine = Exponential(3, offset, [1] * 7, 0.0, 0)
    coarse = fine.within(5)
    assert coarse.scale == 2
    assert sum(coarse.counts) == 7
    for i in range(7):
        at = math.floor((offset + i) / 2) - coarse.offset
        assert coarse.counts[at] in {1, 2}
