"""Whether what happens in a loop happens more often the more rows there are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inprofile.analysis.growth import SURE, Growth, Sample, growth


def of(*pairs):
    """The growth over traces of so many runs for so many elements, of 10 ns each run."""
    return growth([Sample(runs, elements, 10 * runs) for runs, elements in pairs])


def test_one_query_a_row_grows_with_the_rows():
    assert of((5, 5), (200, 200), (20, 20)) == Growth("grows", 3, 5, 200, 1.0, 10)


def test_two_queries_a_row_and_one_before_grow_with_them_too():
    found = of((11, 5), (401, 200))
    assert found.verdict == "grows"
    assert found.power == pytest.approx(1.0, abs=0.05)


def test_rows_of_rows_grow_by_the_second_power():
    assert of((4, 2), (100, 10), (2500, 50)).power == 2.0


def test_two_traces_that_differ_are_enough_to_see_it_grow():
    assert of((5, 5), (6, 6)).verdict == "grows"


def test_one_trace_says_nothing():
    assert of((200, 200)) == Growth("unknown", 1, 200, 200, None, 10)


def test_the_same_count_in_all_traces_is_constant():
    assert of((3, 3), (3, 3), (3, 2)) == Growth("constant", 3, 3, 3, None, 11)


def test_what_has_nothing_to_do_with_the_rows_varies():
    assert of((6, 1), (200, 1), (17, 1)).verdict == "varies"
    assert of((6, 9), (200, 8), (17, 30), (40, 2)).verdict == "varies"
    assert of((6, 0), (200, 0)) == Growth("varies", 2, 6, 200, None, None)


@pytest.mark.parametrize(
    ("runs", "traces", "harmless"),
    [(3, SURE, True), (10, SURE, True), (11, SURE, False), (3, SURE - 1, False)],
)
def test_small_and_constant_is_harmless_once_it_was_seen_often_enough(runs, traces, harmless):
    assert of(*[(runs, runs)] * traces).is_harmless is harmless


def test_what_grows_is_not_harmless_however_small():
    assert not of((2, 2), (3, 3), (4, 4)).is_harmless


counts = st.integers(0, 10_000)


@given(st.lists(st.tuples(counts, counts, counts), min_size=1))
def test_any_traces_have_a_growth(samples):
    found = growth([Sample(*each) for each in samples])
    assert found.traces == len(samples)
    assert found.least <= found.most
    assert (found.verdict == "constant") == (found.least == found.most and len(samples) > 1)
    assert found.power is None or found.verdict == "grows"
