"""The runtime's directory and what is wrong with it: a file in the way, too new, or held."""

import os
import sqlite3
from contextlib import closing

import pytest

import inprofile
from inprofile.core import metrics
from inprofile.core.guard import guard
from inprofile.storage import store
from inprofile.storage.store import Store
from tests.one_process import jobs, running, threads, work


@pytest.mark.parametrize("obstacle", ["open to others", "a file", "below a file"])
def test_where_the_directory_cannot_be_used_a_process_counts_for_itself(base, caplog, obstacle):
    if obstacle == "open to others":
        base.mkdir()
        base.chmod(0o777)
        said = f"INPROFILE_DIR: {base} is open to other users (mode 0777). Allowed: a directory"
    elif obstacle == "a file":
        base.write_text("")
        said = f"INPROFILE_DIR: {base} is a symbolic link or not a directory. Allowed: a directory"
    else:
        base.write_text("")
        os.environ["INPROFILE_DIR"] = str(base / "deeper")
        said = f"[Errno 20] Not a directory: '{base / 'deeper'}'"
    inprofile.instrument(slow_ms=0)
    work()
    work()
    status = inprofile.status()
    assert status["shared"] is False
    assert status["private_because"].startswith(said)
    assert [record.getMessage() for record in caplog.records] == [
        f"inprofile: this process counts for itself alone: {status['private_because']}"
    ]
    assert jobs() == 2
    assert threads() == ["inprofile"]


def test_a_process_that_gets_its_directory_back_shares_again(group):
    group.parent.write_text("")
    inprofile.instrument()
    work()
    assert inprofile.status()["shared"] is False
    group.parent.unlink()
    running().close()
    work()
    assert inprofile.status()["shared"] is True
    assert inprofile.status()["workers"] == [os.getpid()]


def test_where_no_thread_can_be_started_counting_goes_on_and_nothing_piles_up(group, monkeypatch):
    """Memory or process limits; and since CPython 3.12 the interpreter's own end."""

    def start(_thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr("threading.Thread.start", start)
        inprofile.instrument()
        for _ in range(5):
            work()
        assert jobs() == 5
        assert len(list(group.glob("*.cells"))) == 1
    guard.errors = 0


def flushed():
    pipeline = running().pipeline
    return pipeline is not None and pipeline.flush()


def dropped():
    series = running().read().series
    return sum(v[0] for key, v in series.items() if key[0] == metrics.DROPPED.name)


def test_a_file_of_a_newer_version_is_left_alone_and_the_loss_is_counted(group, caplog):
    group.parent.mkdir(mode=0o700)
    group.mkdir(mode=0o700)
    file = Store(group).path
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA user_version = 99")
    before = file.read_bytes()
    inprofile.instrument(slow_ms=0)
    for _ in range(2):
        work()
        assert flushed()
    assert (file.read_bytes(), dropped(), guard.errors) == (before, 2, 0)
    (record,) = caplog.records
    assert "written by a newer inprofile (schema 99" in record.getMessage()


def test_a_file_that_somebody_holds_for_too_long_costs_traces_and_no_error(group, monkeypatch):
    monkeypatch.setattr(store, "BUSY_S", 0.01)
    inprofile.instrument(slow_ms=0)
    work()
    assert flushed()
    with closing(sqlite3.connect(Store(group).path)) as db:
        db.execute("BEGIN EXCLUSIVE")
        work()
        assert flushed()
        assert (dropped(), guard.errors) == (1, 0)
    work()
    assert flushed()
    assert len(Store(group).traces()) == 2
