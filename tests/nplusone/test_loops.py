"""What makes the same call again: every way to write a loop, on a driver without an ORM."""

import contextlib
import sqlite3

import pytest

import inprofile
from inprofile.testing import record
from tests.nplusone.judging import findings, marked, place


@pytest.fixture
def db(monkeypatch):

    inprofile.instrument()
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE t (id INTEGER, v INTEGER)")
        yield db


def get(db, i):
    return db.execute("SELECT v FROM t WHERE id = ?", (i,)).fetchone()  # Q


def a_for_loop(db):
    for i in range(4):  # L
        get(db, i)


@pytest.mark.parametrize("run", [a_for_loop])
def test_a_loop_is_named_by_its_header(run, db):
    marks = marked(run, get)
    (finding,) = findings(run, db)
    assert (finding.kind, finding.count, finding.elements) == ("n_plus_one", 4, 4)
    assert place(finding.loop) == marks["L"]
    assert place(finding.query) == marks["Q"]


def test_a_loop_around_the_recording_is_never_the_answer(db):
    found = []
    for _ in range(2):
        with record() as recording:
            list(map(get, [db] * 4, range(4)))  # L
        found += recording.findings
    line = marked(test_a_loop_around_the_recording_is_never_the_answer)["L"]
    assert [place(finding.loop) for finding in found] == [line, line]


def test_nor_is_one_around_a_job(db):
    with record() as recording:
        for number in range(2):
            with inprofile.job(f"mail {number}"):
                list(map(get, [db] * 4, range(4)))  # L
    line = marked(test_nor_is_one_around_a_job)["L"]
    assert [place(finding.loop) for finding in recording.findings] == [line, line]
