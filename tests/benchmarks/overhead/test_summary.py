"""The statistics, on runs whose figures are known."""

from dataclasses import replace

from benchmarks.overhead.results import Results
from benchmarks.overhead.summary import Row, Spread, disagreements, growth, rows
from tests.benchmarks.overhead.runs import ABOUT, run

BARE = ("nothing", "bare")


def test_a_figure_is_the_median_of_the_rounds_and_added_is_taken_round_by_round():
    us = {BARE: [10, 12, 11], ("nothing", "on"): [14, 15, 17], ("nothing", "contrib"): [50, 52, 71]}
    bare = Row("nothing", "bare", Spread(11, 10, 12), 1.0, None, None, None, {})
    # Round by round 4, 3 and 6 more; the medians of both sides are 15 - 11 apart by chance only.
    on = Row("nothing", "on", Spread(15, 14, 17), 15 / 11, Spread(4, 3, 6), 4 / 40, None, {})
    contrib = Row(
        "nothing", "contrib", Spread(52, 50, 71), 52 / 11, Spread(40, 40, 60), 1.0, None, {}
    )
    assert rows(run(us)) == [bare, on, contrib]


def test_added_is_the_median_of_the_differences_and_not_the_difference_of_the_medians():
    _, on = rows(run({BARE: [10, 20, 30], ("nothing", "on"): [31, 22, 33]}))
    assert on.us.median - 20 == 11
    assert on.added == Spread(3, 2, 21)


def test_a_round_that_only_one_side_has_adds_nothing():
    _, on = rows(run({BARE: [10, 10], ("nothing", "on"): [13, 14, 99]}))
    assert (on.added, on.us) == (Spread(3.5, 3, 4), Spread(14, 13, 99))


def test_a_query_adds_what_is_beyond_the_do_nothing_request_of_the_same_round():
    us = {BARE: [10, 10], ("nothing", "on"): [14, 16]}
    us |= {("orm", "bare"): [100, 200], ("orm", "on"): [124, 236]}
    _, _, bare, on = rows(run(us))
    assert bare.query is None
    assert on.added == Spread(30, 24, 36)
    assert on.query == Spread(2.5, 2, 3)  # (24 - 4) / 10 and (36 - 6) / 10


def test_watching_loops_adds_what_is_beyond_the_same_without_it_in_the_same_round():
    us = {BARE: [10, 10], ("nothing", "on"): [15, 17], ("nothing", "loopless"): [14, 14]}
    us |= {("steps", "bare"): [100, 200]}
    us |= {("steps", "on"): [151, 253], ("steps", "loopless"): [110, 210]}
    found = {(row.scenario, row.variant): row for row in rows(run(us))}
    assert found["nothing", "on"].watching == Spread(2, 1, 3)
    assert found["nothing", "on"].step is None
    assert found["steps", "on"].watching == Spread(42, 41, 43)
    assert found["steps", "on"].step == Spread(0.4, 0.4, 0.4)  # (41 - 1) / 100, (43 - 3) / 100
    others = [row for key, row in found.items() if key[1] != "on"]
    assert {(row.watching, row.step) for row in others} == {(None, None)}


def test_without_the_do_nothing_request_a_query_is_not_known():
    _, on = rows(run({("orm", "bare"): [100], ("orm", "on"): [124]}))
    assert (on.added, on.query) == (Spread(24, 24, 24), None)


def test_without_contrib_or_where_it_adds_nothing_there_is_no_share_of_it():
    us = {BARE: [10], ("nothing", "on"): [14]}
    assert [row.of_contrib for row in rows(run(us))] == [None, None]
    assert [row.of_contrib for row in rows(run(us | {("nothing", "contrib"): [10]}))] == [None] * 3


def test_what_was_not_measured_beside_bare_has_no_row():
    assert rows(run({("nothing", "on"): [14]})) == []
    assert rows(Results([], 1, 1, ABOUT)) == []


def test_another_figure_may_stand_for_a_process():
    results = run({BARE: [10], ("nothing", "on"): [14]})
    added = [rows(replace(results, figure=figure))[1].added for figure in ("min", "median", "cpu")]
    assert added == [Spread(4, 4, 4), Spread(8, 8, 8), Spread(12, 12, 12)]


def test_the_memory_of_a_row_is_the_least_of_its_rounds():
    results = run({("stream", "bare"): [10, 10]})
    first, second = results.measurements
    first.peak_bytes.update({"100": 900, "1000": 800})
    second.peak_bytes.update({"100": 700, "1000": 850})
    assert [row.peak_bytes for row in rows(results)] == [{100: 700, 1000: 800}]


def test_growth_is_from_the_shortest_to_the_longest_response_beyond_bares():
    ours = {100: 1000, 1000: 9999, 10_000: 5000}
    assert growth(ours, {100: 800, 10_000: 900}) == (5000 - 900) - (1000 - 800)
    assert growth(ours, {100: 800}) is None
    assert growth({}, {}) is None


def test_a_variant_that_answers_otherwise_is_named():
    us = {BARE: [10, 10], ("nothing", "noop"): [10, 10], ("nothing", "on"): [14, 14]}
    assert disagreements(run(us)) == []
    assert disagreements(run(us, answers={("nothing", "on"): 8})) == ["nothing under on"]
