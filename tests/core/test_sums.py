"""Added up as long numbers, series are what they are word by word."""

import json
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inprofile.core.buckets import layout
from inprofile.core.cells import Unreadable, width
from inprofile.core.metrics import ACTIVE, JOBS, KEPT, LOOP_WAIT
from inprofile.core.sums import Sums

BOUNDS = len(layout())
KEYS = {
    JOBS: (JOBS.name, "job:mail", ""),
    LOOP_WAIT: (LOOP_WAIT.name, "/a", "/b"),
    KEPT: (KEPT.name, "slow"),
    ACTIVE: (ACTIVE.name, "GET", "http"),
}


def record(family, words):
    return json.dumps(KEYS[family]).encode(), array("Q", words).tobytes()


@given(
    st.sampled_from([JOBS, LOOP_WAIT, KEPT]).flatmap(
        lambda family: st.tuples(
            st.just(family),
            st.lists(
                st.lists(
                    st.integers(0, 1 << 60),
                    min_size=width(family, BOUNDS),
                    max_size=width(family, BOUNDS),
                ),
                min_size=1,
                max_size=4,
            ),
        )
    )
)
def test_every_word_is_the_sum_of_its_own_and_the_largest_is_the_largest(found):
    family, files = found
    sums = Sums(BOUNDS)
    for words in files:
        sums.add([record(family, words)], alive=False)
    expected = [sum(column) for column in zip(*files, strict=True)]
    if family is not KEPT:
        expected[1] = max(words[1] for words in files)
    assert sums.series() == {KEYS[family]: expected}
    assert not sums.skipped


def test_gauges_of_the_living_add_up_also_below_zero():
    sums = Sums(BOUNDS)
    for value in (3, -5, 1):
        sums.add([record(ACTIVE, [value & (1 << 64) - 1])], alive=True)
    sums.add([record(ACTIVE, [100])], alive=False)
    assert sums.series() == {KEYS[ACTIVE]: [(1 << 64) - 1]}


def test_a_word_that_would_run_over_into_the_next_is_no_count():
    sums = Sums(BOUNDS)
    sums.add([record(LOOP_WAIT, [5, 6, 7])], alive=False)
    sums.add([record(LOOP_WAIT, [1 << 63, 1, 1])], alive=False)
    sums.add([record(LOOP_WAIT, [1, (1 << 64) - 1, 1 << 63])], alive=False)
    assert sums.series() == {KEYS[LOOP_WAIT]: [5, 6, 7]}
    assert sums.skipped == {"torn": 2}


def test_of_a_file_with_a_key_that_is_none_nothing_is_added():
    sums = Sums(BOUNDS)
    with pytest.raises(Unreadable):
        sums.add([record(KEPT, [1]), (b"{", b"")], alive=False)
    assert sums.series() == {}


def test_what_is_not_known_here_is_left_out():
    sums = Sums(BOUNDS)
    sums.add([(b'["of a later version"]', bytes(8))], alive=True)
    assert (sums.series(), dict(sums.skipped)) == ({}, {})
