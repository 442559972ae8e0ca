"""Findings of a running app: every one counts, the first are kept, and people are told."""

import logging
import sqlite3
from contextlib import closing
from threading import Thread

import pytest

import inprofile
from inprofile.core import metrics, repeats
from inprofile.report import groups
from inprofile.storage.store import Store
from inprofile.testing import record
from tests.child import run
from tests.exporters.exposed import whole
from tests.one_process import running

ROWS = 5


@pytest.fixture(autouse=True)
def _unknown_to_this_process():
    repeats.forget()


def shelf():
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT)")
    db.executemany("INSERT INTO book VALUES (?, 'x')", [(number,) for number in range(100)])
    return db


def one_by_one(db, name="list", error=None):
    with inprofile.job(name):
        for number in range(ROWS):  # the loop
            db.execute("SELECT title FROM book WHERE id = ?", (number,)).fetchone()
        if error is not None:
            raise error


def at_once(db, name="list"):
    with inprofile.job(name):
        db.execute("SELECT title FROM book WHERE id IN (1, 2, 3)").fetchall()


def counted():
    return {
        key[1:]: words[0]
        for key, words in running().read().series.items()
        if key[0] == metrics.FINDINGS.name and words[0]
    }


def flush():
    pipeline = running().pipeline
    assert pipeline is not None
    assert pipeline.flush()


def kept(group):
    flush()
    store = Store(group)
    reasons = [(trace.route, trace.reason) for trace in store.traces()]
    return reasons, store.findings()


def test_a_fast_trace_with_a_finding_is_kept_with_it(group):
    inprofile.instrument(sample_rate=0, log_findings=False)
    with closing(shelf()) as db:
        one_by_one(db)
    reasons, (finding,) = kept(group)
    assert reasons == [("job:list", "finding")]
    assert (finding["kind"], finding["count"]) == ("n_plus_one", ROWS)
    assert finding["source"]["loop"] == "for number in range(ROWS):  # the loop"
    (root,) = [span for span in Store(group).traces()[0].spans if span["parent"] is None]
    (event,) = root["events"]
    assert event["name"] == "inprofile.finding"
    assert event["attributes"]["code.file.path"] == __file__


def test_every_finding_counts_and_few_traces_are_kept(group):
    inprofile.instrument(sample_rate=0, log_findings=False)
    with closing(shelf()) as db:
        for _ in range(30):
            one_by_one(db)
            at_once(db, "clean")
    assert counted() == {("n_plus_one", "job:list"): 30}
    reasons, _ = kept(group)
    assert 3 <= len(reasons) <= 7  # and then one a second, on a slow machine
    assert set(reasons) == {("job:list", "finding")}


def test_a_burst_is_enough_to_tell_what_grows_from_what_stays(group):
    inprofile.instrument(sample_rate=0, log_findings=False)

    def pages(name, *sizes):
        for size in sizes:
            with inprofile.job(name):
                for number in range(size):
                    db.execute("SELECT title FROM book WHERE id = ?", (number,)).fetchone()

    with closing(shelf()) as db:
        pages("front", *[3] * 200)
        pages("list", 4, 4, 8, 20, 50, 50, 100)
    flush()
    (directory,) = groups.find(group)
    growing, small = groups.read(directory).findings
    assert growing.growth is not None
    assert small.growth is not None
    assert (growing.route, growing.growth.verdict) == ("job:list", "grows")
    assert (growing.growth.least, growing.growth.most) == (4, 100)
    assert (small.route, small.growth.verdict) == ("job:front", "constant")
    assert small.times == 200


def test_four_threads_count_exactly(group):
    inprofile.instrument(sample_rate=0, log_findings=False)
    times = 50

    def work(number):
        with closing(shelf()) as db:
            for _ in range(times):
                one_by_one(db, "all")
                at_once(db, "all")
                one_by_one(db, f"only {number}")

    threads = [Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted() == {
        ("n_plus_one", "job:all"): 4 * times,
        **{("n_plus_one", f"job:only {number}"): times for number in range(4)},
    }


def test_what_failed_or_was_slow_counts_too_and_is_kept_for_that(group):
    inprofile.instrument(sample_rate=0, log_findings=False)
    with closing(shelf()) as db:
        with pytest.raises(LookupError):
            one_by_one(db, "failed", LookupError())
        running().recorder.slow_ns = 0
        one_by_one(db, "slow")
    assert counted() == {("n_plus_one", "job:failed"): 1, ("n_plus_one", "job:slow"): 1}
    reasons, findings = kept(group)
    assert reasons == [("job:slow", "slow"), ("job:failed", "failed")]
    assert len(findings) == 2


def test_several_findings_of_one_trace_count_each(group):
    inprofile.instrument(sample_rate=0, log_findings=False)
    with closing(shelf()) as db, inprofile.job("two"):
        for number in range(ROWS):
            db.execute("SELECT title FROM book WHERE id = ?", (number,))
        for number in range(ROWS):
            db.execute("SELECT id FROM book WHERE id = ?", (number,))
        for _ in range(12):
            db.execute("SELECT 1")
    assert counted() == {("n_plus_one", "job:two"): 2, ("repeated_query", "job:two"): 1}


def test_the_count_is_among_the_metrics(group):
    inprofile.instrument(sample_rate=0, log_findings=False)
    with closing(shelf()) as db:
        one_by_one(db)
    body, _ = whole(running().outlets.exposition("text/plain"))
    assert b'inprofile_findings_total{kind="n_plus_one",http_route="job:list"} 1\n' in body


def test_a_finding_is_logged_once_with_its_lines(group, caplog):
    inprofile.instrument(sample_rate=1)
    with closing(shelf()) as db:
        for _ in range(3):
            one_by_one(db)
    flush()
    (said,) = [entry for entry in caplog.records if entry.name == "inprofile"]
    first, loop, query, fix = said.getMessage().splitlines()
    assert first.startswith("inprofile: N+1 in job:list: SELECT title FROM book WHERE id = ?: 5 q")
    assert loop.endswith("one_by_one: for number in range(ROWS):  # the loop")
    assert "db.execute(" in query
    assert fix == "  fix   WHERE id IN (?, ?, ...)"
    assert said.levelno == logging.WARNING


def test_the_log_can_be_turned_off_and_recordings_leave_it_alone(group, caplog):
    inprofile.instrument(sample_rate=1, log_findings=False)
    with closing(shelf()) as db:
        one_by_one(db)
        flush()
        inprofile.uninstrument()
        inprofile.instrument()
        with record() as recorded:
            one_by_one(db)
        assert len(recorded.findings) == 1
        flush()
    assert caplog.records == []


def test_a_forked_worker_keeps_the_first_of_its_own(tmp_path):
    script = """
import os, json, sqlite3, sys, inprofile
from pathlib import Path
inprofile.instrument(sample_rate=0, log_findings=False, group="shop")

def work(name):
    db = sqlite3.connect(":memory:")
    with inprofile.job(name):
        for number in range(5):
            db.execute("SELECT ?", (number,))

work("same")
child = os.fork()
if not child:
    work("same")
    from inprofile import process
    process.running().close()
    os._exit(0)
os.waitpid(child, 0)
from inprofile import process
from inprofile.storage.store import Store
process.running().pipeline.flush()
series = process.running().read().series
store = Store(Path(os.environ["INPROFILE_DIR"]) / "shop")
found = series[("inprofile.findings", "n_plus_one", "job:same")]
print(json.dumps([found[0], len(store.findings())]))
"""
    found, stored = run(script, INPROFILE_DIR=tmp_path / "base")
    assert (found, stored) == (2, 2)


def test_the_report_has_it(group):
    inprofile.instrument(sample_rate=0, log_findings=False)
    with closing(shelf()) as db:
        for _ in range(3):
            one_by_one(db)
    kept(group)
    (finding,) = groups.read(*groups.find(group)).findings
    assert (finding.kind, finding.times, finding.estimated) == ("n_plus_one", 3, False)
    assert finding.loop is not None
    assert finding.loop.source == "for number in range(ROWS):  # the loop"


def test_what_is_ignored_neither_counts_nor_is_kept(group):
    inprofile.instrument(sample_rate=0, log_findings=False, ignore="route:job:list*")
    with closing(shelf()) as db:
        one_by_one(db)
        one_by_one(db, "other")
        with inprofile.job("said"):
            for number in range(ROWS):
                db.execute("SELECT ?", (number,))  # inprofile: ignore
    assert counted() == {("n_plus_one", "job:other"): 1}
    assert kept(group)[0] == [("job:other", "finding")]


def test_the_least_count_holds_for_the_counter_too(group):
    inprofile.instrument(sample_rate=0, log_findings=False, nplusone_min=ROWS + 1)
    with closing(shelf()) as db:
        one_by_one(db)
    assert counted() == {}
