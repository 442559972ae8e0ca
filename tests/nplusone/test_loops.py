"""What makes the same call again: every way to write a loop, on a driver without an ORM."""

import contextlib
import sqlite3

import pytest

from tests.nplusone.judging import findings, marked, place


@pytest.fixture
def db(monkeypatch):
    import inprofile

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
