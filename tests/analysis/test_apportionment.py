"""Whole numbers in proportion: they add up, and none is far from its exact share."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inprofile.analysis.apportionment import apportion, percentages

WEIGHTS = st.lists(st.integers(0, 10**15), min_size=1, max_size=25).filter(any)


@given(WEIGHTS, st.integers(0, 2000))
def test_the_parts_make_the_whole_and_are_less_than_one_off(weights, seats):
    given_ = apportion(weights, seats)
    assert sum(given_) == seats
    for weight, part in zip(weights, given_, strict=True):
        assert abs(part - Fraction(weight * seats, sum(weights))) < 1


@given(WEIGHTS, st.integers(0, 2000))
def test_who_has_more_never_gets_less(weights, seats):
    pairs = sorted(zip(weights, apportion(weights, seats), strict=True))
    heavier = [(a, b) for a, b in pairwise(pairs) if a[0] < b[0]]
    assert all(a[1] <= b[1] for a, b in heavier)


@given(WEIGHTS)
def test_percentages_make_one_hundred(weights):
    assert round(sum(percentages(weights)), 6) == 100


@pytest.mark.parametrize(
    ("weights", "parts"),
    [
        ([1, 1, 1], [33.4, 33.3, 33.3]),
        ([2, 1], [66.7, 33.3]),
        ([0, 7], [0.0, 100.0]),
        ([999_999, 1], [100.0, 0.0]),
        ([0, 0], [0.0, 0.0]),
        ([], []),
    ],
    ids=str,
)
def test_percentages_have_one_decimal(weights, parts):
    assert percentages(weights) == parts
