"""Loops within loops: the one that is named passes more than once."""

import contextlib
import gc
import sqlite3
import weakref

import pytest

import inprofile
from tests.nplusone.judging import findings, marked, place


@pytest.fixture
def db():
    inprofile.instrument()
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE t (id INTEGER, v INTEGER)")
        yield db


def get(db, i):
    return db.execute("SELECT v FROM t WHERE id = ?", (i,)).fetchone()  # Q


def one_in_each_pass(db):
    for row in range(4):  # L
        for each in [row]:
            get(db, each)


def one_in_each_pass_of_the_outermost(db):
    for row in range(4):  # L
        for _ in range(1):
            for each in [row]:
                get(db, each)


def one_in_each_pass_of_a_while(db):
    rows = [1, 2, 3, 4]
    while rows:  # L
        row = rows.pop()
        for each in (row,):
            get(db, each)


def tries_that_succeed(db):
    for row in range(4):  # L
        for _ in range(3):
            try:
                get(db, row)
            except sqlite3.Error:
                continue
            break


def tries_without_end(db):
    for row in range(4):  # L
        while True:
            try:
                get(db, row)
                break
            except sqlite3.Error:
                continue


def a_comprehension_of_one(db):
    for row in range(4):  # L
        [get(db, each) for each in [row]]


def in_a_function_of_its_own(db):
    def rest(row):
        for each in [row]:
            get(db, each)

    for row in range(4):  # L
        rest(row)


def of_several(db):
    for rows in ([0, 1], [2, 3]):
        for row in rows:  # L
            get(db, row)


def of_one_and_then_of_several(db):
    for rows in ([0], [1, 2, 3]):
        for row in rows:  # L
            get(db, row)


def of_several_and_then_of_one(db):
    for rows in ([0, 1, 2], [3]):
        for row in rows:  # L
            get(db, row)


def without_a_variable_around(db):
    rows = [[0, 1], [2, 3]]
    while rows:
        for row in rows.pop():  # L
            get(db, row)


NESTED = [
    one_in_each_pass,
    one_in_each_pass_of_the_outermost,
    one_in_each_pass_of_a_while,
    tries_that_succeed,
    tries_without_end,
    a_comprehension_of_one,
    in_a_function_of_its_own,
    of_several,
    of_one_and_then_of_several,
    of_several_and_then_of_one,
    without_a_variable_around,
]


@pytest.mark.parametrize("run", NESTED)
def test_the_innermost_loop_that_passes_more_than_once_is_named(run, db):
    (finding,) = findings(run, db)
    marks = marked(run, get)
    assert (finding.kind, finding.count) == ("n_plus_one", 4)
    assert place(finding.loop) == marks["L"]
    assert place(finding.query) == marks["Q"]


def test_what_a_function_has_of_its_locals_stays_as_it_was(db):
    def run():
        for row in range(4):
            held = locals()
            for each in [row]:
                get(db, each)
            assert (held["row"], held["db"]) == (row, db)

    assert len(findings(run)) == 1


def test_variables_live_no_longer(db):
    class Row:
        def __init__(self, number):
            self.number = number

    def run():
        row = each = None
        for row in map(Row, range(4)):
            for each in [row]:
                get(db, each.number)
        last = weakref.ref(row)
        del row, each
        gc.collect()
        gone.append(last() is None)

    gone: list[bool] = []
    assert len(findings(run)) == 1
    assert gone == [True]


def test_variables_that_do_not_like_to_be_looked_at(db):
    class Row:
        def __init__(self, number):
            self.number = number

        def __eq__(self, other):
            raise AssertionError

        def __hash__(self):
            raise AssertionError

        __bool__ = __repr__ = __len__ = __hash__

    def run():
        for row in map(Row, range(4)):  # L
            for each in [row]:
                get(db, each.number)

    (finding,) = findings(run)
    assert place(finding.loop) == marked(run)["L"]
