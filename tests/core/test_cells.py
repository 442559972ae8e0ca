"""One worker's counters and histograms: exact, bounded, and readable whatever is in the file."""

import contextlib
import json
import os
import sys
import threading
from bisect import bisect_left
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inprofile.core import metrics
from inprofile.core.buckets import layout
from inprofile.core.cells import (
    STEP_BYTES,
    VERSION,
    WORD,
    Cells,
    Unreadable,
    load,
    read,
    records,
    width,
    written,
)
from inprofile.core.metrics import FAMILIES, JOBS, KEPT, OPERATION, REQUESTS, SERIES_OVERFLOW
from inprofile.core.sums import Sums

BOUNDS = layout()
MEGABYTE = 1 << 20


@pytest.fixture
def cells():
    """Cells in private memory."""
    made = Cells(None, BOUNDS, 4 * MEGABYTE)
    yield made
    made.close()


@pytest.fixture
def filed(tmp_path):
    """Cells in a file, and a way to read it as another process would."""
    made = Cells(tmp_path / "0.cells", BOUNDS, 4 * MEGABYTE, claimed_ns=7)
    yield made
    made.close()


def on_disk(cells):
    return read(cells.path.read_bytes(), cells.bounds)


def counts(series):
    """How many observations each histogram has, by its labels; empty ones left out."""
    return {key: sum(values[2:]) for key, values in series.items() if sum(values[2:])}


# Counting


def test_a_histogram_has_sum_largest_and_buckets(filed):
    offset = filed.offset(JOBS, ("job:mail", ""))
    for value_ns in (5_000, 1_000_000, 3_000_000):
        filed.observe(offset, value_ns)
    total_ns, largest_ns, *buckets = on_disk(filed)[JOBS.name, "job:mail", ""]
    expected = Counter(bisect_left(BOUNDS, value) for value in (5_000, 1_000_000, 3_000_000))
    assert (total_ns, largest_ns) == (4_005_000, 3_000_000)
    assert {i: n for i, n in enumerate(buckets) if n} == expected
    assert len(buckets) == len(BOUNDS) + 1


def test_a_total_has_sum_largest_and_count(filed):
    offset = filed.offset(OPERATION, ("/", "logging", "a.py:1 f"))
    filed.tally(offset, 300, 3)
    filed.tally(offset, 200, 1)
    assert on_disk(filed)[OPERATION.name, "/", "logging", "a.py:1 f"] == [500, 300, 4]


def test_a_counter_counts_and_a_gauge_goes_down_even_below_zero(filed):
    filed.add(filed.offset(KEPT, ("slow",)), 3)
    gauge = filed.offset(metrics.ACTIVE, ("GET", "http"))
    filed.add(gauge, 2)
    filed.add(gauge, -3)
    series = on_disk(filed)
    assert series[KEPT.name, "slow"] == [3]
    assert series[metrics.ACTIVE.name, "GET", "http"] == [2**64 - 1]
    filed.add(gauge, 1)
    assert on_disk(filed)[metrics.ACTIVE.name, "GET", "http"] == [0]


def test_a_series_is_made_once(cells):
    assert cells.offset(KEPT, ("slow",)) == cells.offset(KEPT, ("slow",))
    assert cells.offset(KEPT, ("slow",)) != cells.offset(KEPT, ("failed",))


def test_private_cells_and_a_file_hold_the_same(cells, filed):
    for each in (cells, filed):
        each.observe(each.offset(JOBS, ("job:mail", "")), 5_000)
        each.add(each.offset(KEPT, ("slow",)), 3)
    assert cells.copied() == filed.copied() == on_disk(filed)


@pytest.mark.parametrize("label", ["", 'quo"te', "back\\slash", "naïve ☃", "\ud800", "a\nb", "\0"])
def test_any_text_may_be_a_label(filed, label):
    filed.add(filed.offset(KEPT, (label,)), 1)
    assert on_disk(filed)[KEPT.name, label] == [1]


@given(
    st.dictionaries(
        st.tuples(st.just(KEPT.name), st.text()),
        st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=1),
    )
)
def test_what_is_written_is_read_back(series):
    assert read(written(series, BOUNDS), BOUNDS) == series


# Threads


@pytest.mark.usefixtures("_switching_often")
def test_eight_threads_on_one_cell_lose_nothing(filed):
    rounds, threads = 4_000, 8
    barrier = threading.Barrier(threads)

    def work():
        barrier.wait()
        for number in range(rounds):
            with filed.lock:
                filed.observe(filed.offset(JOBS, ("job:mail", "")), number)
                filed.add(filed.offset(KEPT, ("slow",)), 1)

    run_at_once(work, threads)
    total_ns, largest_ns, *buckets = on_disk(filed)[JOBS.name, "job:mail", ""]
    assert total_ns == threads * sum(range(rounds))
    assert largest_ns == rounds - 1
    assert sum(buckets) == threads * rounds
    assert on_disk(filed)[KEPT.name, "slow"] == [threads * rounds]


@pytest.mark.usefixtures("_switching_often")
def test_threads_that_meet_new_labels_at_once_make_each_series_once(filed):
    barrier = threading.Barrier(8)

    def work():
        barrier.wait()
        for number in range(300):
            with filed.lock:
                filed.observe(filed.offset(JOBS, (f"job:{number}", "")), 1)

    run_at_once(work, 8)
    assert counts(on_disk(filed)) == {(JOBS.name, f"job:{n}", ""): 8 for n in range(300)}


def run_at_once(work, threads):
    started = [threading.Thread(target=work) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


# Bounds


def test_series_beyond_a_familys_cap_share_the_overflow_series_and_are_counted(filed):
    for number in range(KEPT.cap + 5):
        filed.add(filed.offset(KEPT, (f"reason {number}",)), 1)
    series = on_disk(filed)
    kept = {key[1]: values[0] for key, values in series.items() if key[0] == KEPT.name}
    assert kept == {f"reason {n}": 1 for n in range(KEPT.cap)} | {"_OVERFLOW": 5}
    assert series[SERIES_OVERFLOW.name, KEPT.name] == [5]


@pytest.mark.parametrize("private", [True, False], ids=["private", "file"])
def test_a_full_file_sends_what_is_new_to_the_overflow_series(tmp_path, private):
    cells = Cells(None if private else tmp_path / "0.cells", BOUNDS, STEP_BYTES)
    for number in range(1_000):
        cells.observe(cells.offset(REQUESTS, ("GET", f"/{number}", "200", "http", "")), 5)
        cells.add(cells.offset(KEPT, (f"reason {number}",)), 1)
    series = cells.copied()
    cells.close()
    requests = {key[2]: n for key, n in counts(series).items() if key[0] == REQUESTS.name}
    kept = {key[1]: values[0] for key, values in series.items() if key[0] == KEPT.name}
    told = [values[0] for key, values in series.items() if key[0] == SERIES_OVERFLOW.name]
    assert sum(requests.values()) == sum(kept.values()) == 1_000
    assert requests["_OVERFLOW"] > 800
    assert sum(told) == requests["_OVERFLOW"] + kept["_OVERFLOW"]


def test_a_full_disk_sends_what_is_new_to_the_overflow_series(filed, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("inprofile.core.cells.os.posix_fallocate", full)
    for number in range(500):
        filed.observe(filed.offset(JOBS, (f"job:{number}", "")), 5)
    found = counts(on_disk(filed))
    assert sum(found.values()) == 500
    assert found[JOBS.name, "_OVERFLOW", "_OVERFLOW"] > 300


def test_the_file_takes_disk_as_it_grows_and_never_more_than_its_capacity(filed):
    assert filed.path.stat().st_blocks * 512 <= STEP_BYTES + 4096
    for number in range(5_000):
        filed.observe(filed.offset(JOBS, (f"job:{number}", "")), 5)
        filed.observe(filed.offset(REQUESTS, ("GET", f"/{number}", "200", "http", "")), 5)
    assert filed.path.stat().st_size == 4 * MEGABYTE
    assert filed.path.stat().st_blocks * 512 <= 4 * MEGABYTE + 4096


def test_every_family_has_its_overflow_series_from_the_start(filed):
    assert list(on_disk(filed)) == [
        (family.name, *["_OVERFLOW"] * len(family.labels)) for family in FAMILIES
    ]


def test_the_file_is_private_and_never_written_over(filed):
    assert filed.path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        Cells(filed.path, BOUNDS, MEGABYTE)


def test_a_symbolic_link_is_not_followed(tmp_path):
    (tmp_path / "0.cells").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        Cells(tmp_path / "0.cells", BOUNDS, MEGABYTE)
    assert not (tmp_path / "elsewhere").exists()


# Reading


def test_a_reader_never_sees_half_a_series(filed):
    """Cut at every record: what is visible is always whole."""
    lengths = [filed.words[3]]
    for number in range(20):
        filed.add(filed.offset(KEPT, (f"reason {number}",)), number)
        lengths.append(filed.words[3])
    data = filed.path.read_bytes()
    assert all(before < after for before, after in pairwise(lengths))
    seen = []
    for used in lengths:
        header = data[: 3 * WORD] + used.to_bytes(WORD, sys.byteorder) + data[4 * WORD :]
        seen.append(len(read(header, BOUNDS)))
    assert seen == list(range(len(FAMILIES), len(FAMILIES) + 21))


def test_a_file_in_which_a_series_begins_while_it_is_read_is_a_whole_one(filed, monkeypatch):
    """Or else all of a young worker's counts would be missing in that scrape."""
    reasons = iter("abc")

    def meanwhile(*about, read=os.pread):
        data = read(*about)
        filed.offset(KEPT, (next(reasons, "c"),))
        return data

    monkeypatch.setattr("inprofile.core.cells.os.pread", meanwhile)
    assert len(records(load(filed.path), BOUNDS)) == len(FAMILIES) + 3


def good() -> bytes:
    series = {
        (KEPT.name, "slow"): [3],
        (OPERATION.name, "/", "logging", "a.py:1"): [500, 300, 4],
        (JOBS.name, "job:mail", ""): [7, 7, *[0] * len(BOUNDS), 1],
    }
    return written(series, BOUNDS)


def word(number: int, value: int) -> bytes:
    """A good file with one word of its header replaced."""
    data = good()
    return data[: number * WORD] + value.to_bytes(WORD, sys.byteorder) + data[(number + 1) * WORD :]


def renamed(raw: bytes) -> bytes:
    """A whole file whose only key is ``raw`` instead of the JSON that it should be."""
    name = "x" * (len(raw) - 4)
    return written({(name,): [1]}, BOUNDS).replace(json.dumps([name]).encode(), raw)


DAMAGED = {
    "nothing": (b"", "empty"),
    "zeros": (bytes(4096), "empty"),
    "half a header": (good()[:20], "short"),
    "the last word missing": (good()[:-WORD], "torn"),
    "more used than there is": (word(3, 2**60), "torn"),
    "records inside of the header": (word(2, 3), "torn"),
    "more bounds than there are": (word(6, 2**60), "torn"),
    "another format": (b"SQLite format 3\0" * 64, "foreign"),
    "a later version": (word(1, VERSION + 1), "version"),
    "other bounds": (written({}, [*BOUNDS, 2**50]), "bounds"),
    "a key that is no JSON": (renamed(b'{"inprofile"]'), "torn"),
    "a key that is a number": (renamed(b"123456789"), "torn"),
    "a key that is an object": (renamed(b'{"inprofile": 1}'), "torn"),
    "a key with a list in it": (renamed(b'["inprofile", [1]]'), "torn"),
    "a key with a number in it": (renamed(b'["inprofile", 1]'), "torn"),
    "an empty key": (renamed(b"[      ]"), "torn"),
    "a key nested too deep": (renamed(b"[" * 100_000), "torn"),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_what_is_not_a_whole_file_of_ours_is_refused_with_the_reason(damage):
    data, why = DAMAGED[damage]
    with pytest.raises(Unreadable, match=f"^{why}$"):
        read(data, BOUNDS)


@given(
    st.lists(st.tuples(st.integers(0, len(good()) - 1), st.integers(1, 255)), max_size=8),
    st.integers(0, len(good())),
)
@example([], len(good()))
def test_a_damaged_file_is_read_or_refused_and_nothing_else(flips, length):
    data = bytearray(good())
    for at, change in flips:
        data[at] ^= change
    sums = Sums(len(BOUNDS))
    with contextlib.suppress(Unreadable):
        sums.add(records(bytes(data[:length]), BOUNDS), alive=True)
    for key, values in sums.series().items():
        family = metrics.BY_NAME[key[0]]
        assert len(key) == 1 + len(family.labels)
        assert len(values) == width(family, len(BOUNDS))
        json.dumps(key)


def test_closing_gives_the_descriptor_back(tmp_path):
    before = os.dup(0)
    os.close(before)
    for number in range(5):
        Cells(tmp_path / f"{number}.cells", BOUNDS, MEGABYTE).close()
    after = os.dup(0)  # POSIX: the lowest number that is free
    os.close(after)
    assert after == before
