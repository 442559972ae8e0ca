"""What is remembered of operations that are run again, and how seldom frames are looked at."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, time, timedelta, tzinfo
from decimal import Decimal
from uuid import UUID

import pytest

import inprofile
from inprofile.core import repeats
from inprofile.core.elements import element
from inprofile.core.recorder import recording
from inprofile.core.repeats import CALM, MAX_LOOKS, Operation
from inprofile.detectors.nplusone import detect
from inprofile.testing import record
from tests.integrations.unspeakable import Unspeakable

STATEMENT = "SELECT ?"


@pytest.fixture
def db(monkeypatch):
    monkeypatch.setattr(repeats, "known", {})
    inprofile.instrument(sample_rate=0)
    with closing(sqlite3.connect(":memory:")) as db:
        yield db


def noted(work, *args):
    """What has been noted of a job's only statement, and what is found."""
    with inprofile.job("work"):
        work(*args)
        span = recording()
        assert span is not None
        operation = (span.trace.operations or {}).get(STATEMENT)
        return operation, list(detect(span.trace))


def ask(db, i):
    db.execute(STATEMENT, (i,))


def many(db, count):
    for i in range(count):
        ask(db, i)


def test_what_runs_once_in_each_trace_is_soon_not_looked_at(db):
    kinds = [isinstance(noted(ask, db, 1)[0], Operation) for _ in range(CALM + 2)]
    assert kinds == [True] * CALM + [False] * 2


def test_once_it_is_repeated_its_first_run_is_looked_at_again(db):
    for _ in range(CALM + 1):
        noted(ask, db, 1)
    first, found = noted(many, db, 5)
    again, found_again = noted(many, db, 5)
    assert (first.unseen is None, again.unseen) == (False, None)
    assert [finding.count for finding in (*found, *found_again)] == [5, 5]


def test_a_known_way_is_known_again_without_a_look(db):
    operation, (finding,) = noted(many, db, 500)
    assert operation.looks <= 3
    assert (finding.count, finding.elements) == (500, 500)


def test_ways_that_change_with_every_pass_are_looked_at_so_often_and_no_more(db):
    def deep(i, depth):
        if depth:
            deep(i, depth - 1)
        else:
            ask(db, i)

    def work():
        for i in range(200):
            deep(i, i % 7)

    operation, found = noted(work)
    assert operation.looks == MAX_LOOKS
    assert sum(finding.count for finding in found) == 200


def test_a_loop_in_a_function_between_shows_itself(db):
    def shelf(number):
        for i in range(3):
            ask(db, number * 3 + i)

    def work():
        for number in range(50):
            shelf(number)

    _, (finding,) = noted(work)
    assert finding.loop is not None
    assert (finding.loop.function, finding.count) == ("shelf", 150)


def test_outside_of_a_trace_nothing_is_noted(db):
    many(db, 10)
    assert repeats.known == {}


def test_a_trace_that_is_let_go_keeps_nothing(db):
    with inprofile.job("work"):
        many(db, 2)
        span = recording()
        assert span is not None
        trace = span.trace
        assert trace.suspect
    assert (trace.operations, trace.foreign) == (None, None)


def test_what_is_remembered_of_a_process_is_bounded(db, monkeypatch):
    monkeypatch.setattr(repeats, "MAX_KNOWN", 10)
    for i in range(30):
        with inprofile.job("work"):
            db.execute(f"SELECT ? AS c{i}", (1,))
    assert len(repeats.known) <= 10


def test_what_is_remembered_of_a_trace_is_bounded(db, monkeypatch):
    monkeypatch.setattr(repeats, "MAX_OPERATIONS", 10)
    with inprofile.job("work"):
        for i in range(30):
            db.execute(f"SELECT ? AS c{i}", (1,))
        span = recording()
        assert span is not None
        assert len(span.trace.operations or {}) == 10
    assert inprofile.status()["errors"] == 0


# Elements


class Zone(tzinfo):
    def utcoffset(self, _moment):
        raise NotImplementedError

    dst = tzname = utcoffset


SAME = [
    (1,),
    (1, "a"),
    [1, [2, 3]],
    {"id": 1, "name": b"x"},
    (None,),
    (Decimal("sNaN"),),
    (datetime(2026, 1, 1, tzinfo=Zone()), time(3, tzinfo=Zone())),
    (UUID(int=5), timedelta(3), 2.5),
    ("x" * 5000,),
    "text",
]


@pytest.mark.parametrize("values", SAME, ids=range(len(SAME)))
def test_equal_parameters_are_one_element(values):
    assert element(values) == element(values)


def test_different_parameters_are_different_elements():
    assert len({element(values) for values in SAME}) == len(SAME)
    assert element((1,)) != element((2,))
    assert element({"id": 1}) != element({"id": 2})
    assert element((datetime(2026, 1, 1, tzinfo=UTC),)) != element((datetime(2026, 1, 2),))  # noqa: DTZ001


def test_nobodys_code_is_run():
    one, two = Unspeakable(), Unspeakable()
    assert element((one,)) == element((one,))
    assert element((one, 1)) != element((two, 1))
    assert element(one) != element(two)


# From trace to trace


def test_a_loop_of_earlier_traces_is_known_without_a_look(db):
    first, _ = noted(many, db, 5)
    second, (finding,) = noted(many, db, 5)
    assert (first.looks > 0, second.looks) == (True, 0)
    assert (finding.count, finding.elements) == (5, 5)
    assert finding.loop is not None
    assert finding.query is not None
    assert (finding.loop.function, finding.query.function) == ("many", "ask")


def test_each_call_of_the_loops_function_counts(db):
    def work():
        many(db, 3)
        many(db, 4)

    counts = [[finding.count for finding in noted(work)[1]] for _ in range(4)]
    assert counts == [counts[0]] * 4
    assert sum(counts[0]) == 7


def test_one_pass_is_no_loop_in_any_trace(db):
    noted(many, db, 5)
    operation, found = noted(many, db, 1)
    assert (operation.looks, found) == (0, [])


def test_another_loop_of_a_known_statement_is_seen(db):
    def other(db, count):
        for i in range(count):
            ask(db, i)

    for _ in range(3):
        noted(many, db, 5)
    _, (finding,) = noted(other, db, 6)
    assert finding.loop is not None
    assert (finding.loop.function, finding.count) == ("other", 6)
    _, both = noted(lambda: (many(db, 3), other(db, 4)))
    assert sorted((each.loop.function, each.count) for each in both if each.loop) == [
        ("many", 3),
        ("other", 4),
    ]


def test_a_known_loop_with_one_of_its_own_inside(db):
    def shelf(number, count):
        for i in range(count):
            ask(db, number * 10 + i)

    def work(count):
        for number in range(5):
            shelf(number, count)

    seen = [[(f.loop.function, f.count) for f in noted(work, n)[1]] for n in (1, 1, 3, 3, 3)]
    assert seen == [[("work", 5)], [("work", 5)], [("shelf", 15)], [("shelf", 15)], [("shelf", 15)]]


def test_a_recording_looks_for_itself(db):
    for _ in range(3):
        noted(many, db, 5)
    with record():
        operation, (finding,) = noted(many, db, 5)
    assert operation.looks > 0
    assert finding.count == 5


def test_the_frame_of_a_known_loop_may_be_looked_at_afterwards(db):
    def work(ask_more):
        for i in range(4):
            ask(db, i)
            if ask_more:
                db.execute("SELECT ? AS more", (i,))

    noted(work, False)
    with inprofile.job("work"):
        work(True)
        span = recording()
        assert span is not None
        found = list(detect(span.trace))
    assert [(f.statement, f.count, f.loop.function) for f in found if f.loop] == [
        ("SELECT ?", 4, "work"),
        ("SELECT ? AS more", 4, "work"),
    ]


def test_ways_that_take_turns_are_told_apart_without_more_looks(db):
    def work():
        for i in range(100):
            ask(db, i)
            if i % 2:
                ask(db, -i)

    seen = [noted(work) for _ in range(3)]
    assert [operation.looks <= 6 for operation, _ in seen] == [True] * 3
    assert [[finding.count for finding in found] for _, found in seen] == [[150]] * 3
