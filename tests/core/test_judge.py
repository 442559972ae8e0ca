"""Every problem counts; what is kept of them is little, and the first of each."""

import pytest

from inprofile.core import judge as judges
from inprofile.core.guard import guard
from inprofile.core.judge import (
    ANY_NS,
    AT_ONCE,
    BURST,
    FEW,
    LATER_NS,
    SOON_NS,
    Judge,
    Sighting,
)
from inprofile.core.model import Finding, Trace

SECOND_NS = 1_000_000_000


@pytest.fixture
def counted():
    return []


def finished(clock, route="/"):
    trace = Trace(None, "http", "GET", "http", clock, 100)
    trace.route = route
    trace.root.end_ns = clock()
    return trace


@pytest.fixture
def judged(counted, clock):
    """Judge a trace of a route, which has these problems."""
    found: list[Sighting] = []
    judge = Judge([lambda _trace: found], lambda *each: counted.append(each))

    def ask(*problems, route="/", after_ns=0):
        clock.advance(after_ns)
        found[:] = problems
        return judge(finished(clock, route))

    return ask


def seen(kind, site, times=5):
    return Sighting(kind, site, times, lambda: Finding(kind, "/", site, times, 1, "", ""))


N1 = seen("n_plus_one", "a.py:1")
N2 = seen("n_plus_one", "a.py:2")


def test_a_trace_without_a_problem_is_not_kept(judged, counted):
    assert not judged()
    assert counted == []


def test_every_problem_of_every_trace_counts_by_kind_and_route(judged, counted):
    for _ in range(3):
        judged(N1, N2, seen("repeated_query", "b.py:1"))
    judged(N1, route="/other")
    assert counted == [
        *[("n_plus_one", "/"), ("n_plus_one", "/"), ("repeated_query", "/")] * 3,
        ("n_plus_one", "/other"),
    ]


def test_the_first_of_each_problem_is_kept_whenever_it_comes(judged):
    assert all(judged(N1) for _ in range(AT_ONCE))
    assert not judged(N1)
    assert judged(N1, N2)
    assert judged(N1, route="/other")
    assert not judged(N1, N2)


def test_a_problem_that_is_twice_as_large_as_ever_is_kept_whenever_it_comes(judged):
    times = (5, 5, 5, 9, 10, 10, 5, 19, 100, 199)
    kept = [judged(seen("n_plus_one", "a.py:1", each)) for each in times]
    assert kept == [True, True, True, False, True, False, False, False, True, False]


def test_a_route_keeps_three_then_one_a_second_for_a_while_and_then_one_a_minute(judged):
    assert all(judged(N1) for _ in range(AT_ONCE))
    for _ in range(FEW + 1 - AT_ONCE):
        assert not judged(N1, after_ns=SOON_NS - 1)
        assert judged(N1, after_ns=1)
    assert not judged(N1, after_ns=LATER_NS - 1)
    assert judged(N1, after_ns=1)


def test_all_routes_together_keep_few(judged):
    routes = [f"/{number}" for number in range(3 * BURST)]
    for route in routes:
        assert judged(N1, route=route)  # new
    kept = sum(judged(N1, route=route, after_ns=0) for route in routes)
    assert kept == 0  # though each route has kept one alone
    judged(after_ns=100 * SECOND_NS)
    assert sum(judged(N1, route=route) for route in routes) == BURST + 1
    assert judged(N1, route=routes[-1], after_ns=ANY_NS)


def test_beyond_a_bound_what_is_new_is_not_kept_for_being_so(judged, counted, monkeypatch):
    monkeypatch.setattr(judges, "MAX_SITES", 2)
    assert judged(N1)
    assert all(judged(N2) for _ in range(AT_ONCE - 1))
    assert not judged(seen("n_plus_one", "a.py:3"))
    assert judged(seen("n_plus_one", "a.py:3"), after_ns=SECOND_NS)
    assert len(counted) == AT_ONCE + 2


def test_beyond_a_bound_of_routes_counting_begins_anew(judged, monkeypatch):
    monkeypatch.setattr(judges, "MAX_ROUTES", 2)
    for route in ("/a", "/b", "/c", *["/c"] * (AT_ONCE - 1)):
        assert judged(N1, route=route)
    assert not judged(N1, route="/c")
    assert judged(N1, route="/a")


def test_what_is_silenced_neither_counts_nor_is_kept_and_is_asked_about_once(counted, clock):
    asked = []

    def silenced(sighting):
        asked.append(sighting.finding().statement)
        return sighting.site == "a.py:1"

    found = [N1]
    judge = Judge([lambda _trace: found], lambda *each: counted.append(each), silenced)
    assert [judge(finished(clock)) for _ in range(2)] == [False, False]
    assert (counted, asked) == ([], ["a.py:1"])
    found.append(N2)
    assert [judge(finished(clock)) for _ in range(4)] == [True, True, True, False]
    assert (counted, asked) == ([("n_plus_one", "/")] * 4, ["a.py:1", "a.py:2"])


def test_an_error_of_one_look_is_ours_and_the_others_count(counted, clock):
    def broken(_trace):
        yield N1
        raise LookupError("of ours")

    judge = Judge(
        [broken, lambda _trace: [seen("slow_query", "x")]], lambda *each: counted.append(each)
    )
    assert judge(finished(clock))
    assert counted == [("n_plus_one", "/"), ("slow_query", "/")]
    assert guard.errors == 1
    guard.errors = 0
