"""The group's files: exact whatever dies, and bounded however often."""

import fcntl
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inprofile.core import metrics
from inprofile.core.buckets import layout
from inprofile.core.cells import VERSION, WORD, Cells, written
from inprofile.core.metrics import JOBS, KEPT
from inprofile.core.slots import BASE, YOUNG_S, Worker, claim, fold, is_held, snapshot
from tests.child import command, environment, run

BOUNDS = layout()
CAPACITY = 4 << 20
JOB = (JOBS.name, "job:mail", "")


def jobs(directory, bounds=BOUNDS):
    """How many jobs the group counted."""
    return sum(snapshot(directory, bounds).series.get(JOB, [0, 0, 0])[2:])


def live_and_die(directory, observations=1):
    """A worker's life: its end closes its file, as any death does."""
    cells = claim(directory, BOUNDS, CAPACITY)
    observe(cells, observations)
    cells.close()
    return cells.path


def observe(cells, observations=1):
    offset = cells.offset(JOBS, JOB[1:])
    for _ in range(observations):
        cells.observe(offset, 1_000)


@pytest.fixture
def worker(tmp_path):
    """A living worker of the group in ``tmp_path``, in this process."""
    cells = claim(tmp_path, BOUNDS, CAPACITY)
    yield cells
    cells.close()


# Claiming


def test_a_claimed_file_is_named_after_its_slot_its_time_and_its_process(tmp_path):
    before_ns = time.time_ns()
    cells = claim(tmp_path, BOUNDS, CAPACITY)
    assert cells.path is not None
    slot, claimed_ns, pid, suffix = cells.path.name.split(".")
    assert (slot, pid, suffix) == ("0", str(os.getpid()), "cells")
    assert before_ns <= int(claimed_ns) <= time.time_ns()
    assert is_held(cells.path)
    assert snapshot(tmp_path, BOUNDS).workers == [Worker(os.getpid(), int(claimed_ns))]
    cells.close()
    assert not is_held(cells.path)
    assert snapshot(tmp_path, BOUNDS).workers == []


def test_living_workers_take_slots_of_their_own_and_a_dead_ones_slot_is_taken_again(tmp_path):
    lives = [claim(tmp_path, BOUNDS, CAPACITY) for _ in range(3)]
    lives.pop(1).close()
    lives.append(claim(tmp_path, BOUNDS, CAPACITY))
    slots = [str(cells.path and cells.path.name.partition(".")[0]) for cells in lives]
    assert sorted(slots) == ["0", "1", "2"]
    for cells in lives:
        cells.close()


def test_a_claim_that_fails_leaves_no_file_and_no_descriptor(tmp_path, monkeypatch):
    def broken(*_):
        raise OSError("read-only")

    monkeypatch.setattr("inprofile.core.slots.Path.rename", broken)
    with pytest.raises(OSError, match="read-only"):
        claim(tmp_path, BOUNDS, CAPACITY)
    assert list(tmp_path.glob("*.tmp")) == []


# Several processes

COUNT = """
import json, os, signal, sys, time
from pathlib import Path
from inprofile.core.buckets import layout
from inprofile.core.metrics import JOBS
from inprofile.core.slots import claim
directory, observations, end = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
cells = claim(directory, layout(), 4 << 20)
offset = cells.offset(JOBS, ("job:mail", ""))
for number in range(observations):
    with cells.lock:
        cells.observe(offset, number)
    if end == "killed":
        os.write(1, b".")
if end == "waits":
    os.write(1, b".")
    os.read(0, 1)
"""


def started(directory, observations, end):
    return subprocess.Popen(
        command(COUNT, directory, str(observations), end),
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def test_several_processes_count_together_exactly(tmp_path):
    ended = [started(tmp_path, 5_000, "ends") for _ in range(2)]
    living = [started(tmp_path, 5_000, "waits") for _ in range(2)]
    for process in ended:
        process.communicate()
    for process in living:
        assert process.stdout.read(1) == b"."
    now = snapshot(tmp_path, BOUNDS)
    for process in living:
        process.communicate(b".")
    assert [process.returncode for process in (*ended, *living)] == [0] * 4
    assert sorted(worker.pid for worker in now.workers) == sorted(p.pid for p in living)
    assert now.series[JOB][0] == 4 * sum(range(5_000))
    assert now.series[JOB][1] == 4_999
    assert sum(now.series[JOB][2:]) == 20_000
    assert jobs(tmp_path) == 20_000


def test_what_was_finished_before_a_kill_is_counted(tmp_path):
    """Every observation is reported after it was made, so at most one was made in silence."""
    chance = random.Random()
    directories = [tmp_path / str(number) for number in range(6)]
    processes = []
    for directory in directories:
        directory.mkdir(0o700)
        processes.append(started(directory, 10**9, "killed"))
    found = []
    for process, directory in zip(processes, directories, strict=True):
        reported = len(process.stdout.read(chance.randrange(1, 2_000)))
        process.kill()
        reported += len(process.stdout.read())
        process.communicate()
        live_and_die(directory, observations=0)
        found.append(jobs(directory) - reported)
    assert set(found) <= {0, 1}


def test_forty_forked_children_that_die_without_a_word_lose_nothing(tmp_path):
    script = """
import json, os, sys
from pathlib import Path
from inprofile.core.buckets import layout
from inprofile.core.metrics import JOBS
from inprofile.core.slots import claim
directory, bounds = Path(sys.argv[1]), layout()
for _ in range(10):
    children = []
    for _ in range(4):
        child = os.fork()
        if not child:
            cells = claim(directory, bounds, 4 << 20)
            cells.observe(cells.offset(JOBS, ("job:mail", "")), 5)
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
print(json.dumps(len(os.listdir(directory))))
"""
    assert run(script, tmp_path) <= 12
    assert jobs(tmp_path) == 40


def test_five_hundred_restarts_leave_a_bounded_directory_and_lose_nothing(tmp_path):
    sizes = []
    for _ in range(500):
        live_and_die(tmp_path)
        sizes.append(sum(file.stat().st_size for file in tmp_path.glob(BASE)))
    assert sorted(path.name for path in tmp_path.iterdir() if path.name[0] != "0") == [
        "base.cells",
        "fold.lock",
    ]
    assert len(list(tmp_path.iterdir())) == 3
    assert jobs(tmp_path) == 500
    assert max(sizes[10:]) - min(sizes[10:]) < 100


# Folding


def test_a_fold_adds_the_dead_once_and_leaves_the_living_alone(tmp_path, worker):
    observe(worker, 3)
    dead = [Cells(tmp_path / f"{slot}.1.1.cells", BOUNDS, CAPACITY) for slot in (5, 6)]
    for cells in dead:
        observe(cells, 10)
        cells.close()
    assert jobs(tmp_path) == 23
    assert fold(tmp_path, BOUNDS) == 2
    assert fold(tmp_path, BOUNDS) == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"base.cells", "fold.lock", worker.path.name}
    assert jobs(tmp_path) == 23


def test_a_crash_between_writing_the_base_and_deleting_the_files_counts_nothing_twice(tmp_path):
    for _ in range(3):
        live_and_die(tmp_path, 7)
    before = {path: path.read_bytes() for path in tmp_path.glob("[0-9]*.cells")}
    fold(tmp_path, BOUNDS)
    for path, data in before.items():
        path.write_bytes(data)
    assert jobs(tmp_path) == 21
    assert fold(tmp_path, BOUNDS) == 0
    assert not any(path.exists() for path in before)
    live_and_die(tmp_path, 7)
    assert jobs(tmp_path) == 28


def test_a_crash_before_the_base_is_in_place_loses_nothing_and_leaves_nothing(tmp_path):
    live_and_die(tmp_path, 7)
    (tmp_path / f"{BASE}.999999.draft").write_bytes(b"half a base")
    assert jobs(tmp_path) == 7
    fold(tmp_path, BOUNDS)
    assert jobs(tmp_path) == 7
    assert {path.name for path in tmp_path.iterdir()} == {"base.cells", "fold.lock"}


def test_one_process_folds_at_a_time(tmp_path):
    live_and_die(tmp_path)
    with (tmp_path / "fold.lock").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert fold(tmp_path, BOUNDS) == 0
    assert fold(tmp_path, BOUNDS) == 1


def test_gauges_of_the_dead_do_not_count_and_their_largest_does(tmp_path, worker):
    dead = Cells(tmp_path / "5.1.1.cells", BOUNDS, CAPACITY)
    for cells, active, took_ns in ((worker, 2, 5), (dead, 7, 900)):
        cells.add(cells.offset(metrics.ACTIVE, ("GET", "http")), active)
        cells.observe(cells.offset(JOBS, JOB[1:]), took_ns)
    dead.close()
    for _ in range(2):
        now = snapshot(tmp_path, BOUNDS)
        assert now.series[metrics.ACTIVE.name, "GET", "http"] == [2]
        assert now.series[JOB][:2] == [905, 900]
        fold(tmp_path, BOUNDS)


def test_gauges_of_the_living_add_up_also_below_zero(tmp_path, worker):
    """A request may begin in one worker's cells and end in another's, after a fork."""
    other = claim(tmp_path, BOUNDS, CAPACITY)
    worker.add(worker.offset(metrics.ACTIVE, ("GET", "http")), 3)
    other.add(other.offset(metrics.ACTIVE, ("GET", "http")), -1)
    assert snapshot(tmp_path, BOUNDS).series[metrics.ACTIVE.name, "GET", "http"] == [2]
    other.close()


def test_an_unnamed_file_is_swept_only_when_old_and_nobodys(tmp_path):
    def young(number):
        return Cells(tmp_path / f"new-{number}.tmp", BOUNDS, CAPACITY)

    fresh, old, held = young(1), young(2), young(3)
    held.hold()
    past = time.time() - YOUNG_S - 10
    for cells in (old, held):
        os.utime(cells.path, (past, past))
    fold(tmp_path, BOUNDS)
    assert [cells.path.exists() for cells in (fresh, old, held)] == [True, False, True]
    for cells in (fresh, old, held):
        cells.close()


def test_readers_see_totals_that_only_grow_while_workers_come_and_go(tmp_path):
    """Two readers watch 150 lives, each of which ends in a fold by the next."""
    stopped = threading.Event()
    seen: list[list[int]] = [[], []]

    def watch(totals):
        while not stopped.is_set():
            totals.append(jobs(tmp_path))
        totals.append(jobs(tmp_path))

    readers = [threading.Thread(target=watch, args=[totals]) for totals in seen]
    for reader in readers:
        reader.start()
    script = """
import sys
from pathlib import Path
from inprofile.core.buckets import layout
from inprofile.core.metrics import JOBS
from inprofile.core.slots import claim
for _ in range(150):
    cells = claim(Path(sys.argv[1]), layout(), 4 << 20)
    cells.observe(cells.offset(JOBS, ("job:mail", "")), 5)
    cells.close()
print(1)
"""
    try:
        run(script, tmp_path)
    finally:
        stopped.set()
        for reader in readers:
            reader.join()
    for totals in seen:
        assert totals == sorted(totals)
        assert totals[-1] == 150


# Files that are not whole ones of ours


def spoiled(whole):
    """Each way to be unreadable, and the data of such a file."""
    return {
        "torn": whole[:-WORD],
        "short": whole[:20],
        "empty": b"",
        "foreign": b"SQLite format 3\0" * 64,
        "version": whole[:WORD] + (VERSION + 1).to_bytes(WORD, sys.byteorder) + whole[2 * WORD :],
        "bounds": written({JOB: [1]}, [1, 2, 3]),
    }


def whole_file():
    return written({JOB: [1_000, 1_000, 1, *[0] * len(BOUNDS)]}, BOUNDS)


def test_files_that_cannot_be_read_are_skipped_and_counted_by_why(tmp_path, worker):
    observe(worker, 2)
    for why, data in spoiled(whole_file()).items():
        (tmp_path / f"{why}.1.1.cells").write_bytes(data)
    (tmp_path / "directory.1.1.cells").mkdir()
    for bounds in (BOUNDS, None):
        now = snapshot(tmp_path, bounds)
        assert now.skipped == Counter(
            torn=1, short=1, empty=1, foreign=1, version=1, bounds=1, unreadable=1
        )
        assert sum(now.series[JOB][2:]) == 2
        assert now.bounds == list(BOUNDS)
        assert [one.pid for one in now.workers] == [os.getpid()]


def test_files_that_cannot_be_read_stop_no_fold_and_stay_unless_they_are_empty(tmp_path):
    for why, data in spoiled(whole_file()).items():
        (tmp_path / f"{why}.1.1.cells").write_bytes(data)
    (tmp_path / "directory.1.1.cells").mkdir()
    live_and_die(tmp_path, 2)
    assert fold(tmp_path, BOUNDS) == 1
    assert jobs(tmp_path) == 2
    left = {path.name.partition(".")[0] for path in tmp_path.glob("*.cells")}
    assert left == {"base", "torn", "short", "foreign", "version", "bounds", "directory"}


@pytest.mark.parametrize("why", ["version", "bounds", "torn", "foreign", "short", "empty"])
def test_a_base_that_cannot_be_read_is_set_aside_and_counting_goes_on(tmp_path, why):
    (tmp_path / BASE).write_bytes(spoiled(whole_file())[why])
    live_and_die(tmp_path, 3)
    live_and_die(tmp_path, 3)
    assert jobs(tmp_path) == 6
    assert len(list(tmp_path.glob("base.aside-*"))) == 1


def test_the_bounds_of_a_reader_that_names_none_come_from_a_file_that_can_be_read(tmp_path):
    """An alien file may well come first in the directory."""
    (tmp_path / "0.1.1.cells").write_bytes(spoiled(whole_file())["version"])
    alien = written({}, [1, 2, 3])
    (tmp_path / "1.1.1.cells").write_bytes(alien[:WORD] + bytes([9]) + alien[WORD + 1 :])
    (tmp_path / "2.1.1.cells").write_bytes(whole_file())
    now = snapshot(tmp_path)
    assert now.bounds == list(BOUNDS)
    assert now.skipped == Counter(version=2)
    assert sum(now.series[JOB][2:]) == 1


def test_a_series_of_another_width_is_skipped_and_the_rest_of_the_file_counts(tmp_path):
    series = {JOB: [1, 2, 3], (KEPT.name, "slow"): [4], (KEPT.name, "a", "b"): [5], ("x",): [6]}
    (tmp_path / "0.1.1.cells").write_bytes(written(series, BOUNDS))
    now = snapshot(tmp_path, BOUNDS)
    assert now.series == {(KEPT.name, "slow"): [4]}
    assert now.skipped == Counter(torn=2)


def test_a_directory_that_is_missing_or_empty_has_counted_nothing(tmp_path):
    for directory in (tmp_path, tmp_path / "missing"):
        now = snapshot(directory)
        assert (now.bounds, now.series, now.workers, now.skipped) == ([], {}, [], Counter())


@settings(max_examples=80)
@given(
    st.lists(st.tuples(st.integers(0, len(whole_file()) - 1), st.integers(1, 255)), max_size=6),
    st.integers(0, len(whole_file())),
    st.sampled_from(["0.1.1.cells", "base.cells"]),
)
def test_no_damage_to_one_file_touches_what_another_counted(flips, length, name):
    data = bytearray(whole_file())
    for at, change in flips:
        data[at] ^= change
    directory = Path(tempfile.mkdtemp())
    try:
        healthy = Cells(directory / "7.1.1.cells", BOUNDS, CAPACITY)
        healthy.add(healthy.offset(KEPT, ("slow",)), 5)
        healthy.close()
        (directory / name).write_bytes(bytes(data[:length]))
        for _ in range(2):
            now = snapshot(directory, BOUNDS)
            assert now.series[KEPT.name, "slow"] == [5]
            assert sum(now.skipped.values()) <= 1
            snapshot(directory)
            fold(directory, BOUNDS)
        claim(directory, BOUNDS, CAPACITY).close()
    finally:
        shutil.rmtree(directory)
