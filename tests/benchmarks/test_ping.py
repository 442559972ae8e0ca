"""`python -m benchmarks ping`: whose the tasks are decides what is timed; every game is whole."""

import asyncio
import json
from contextlib import closing

import pytest

import inprofile
from benchmarks.__main__ import main
from benchmarks.overhead.driver import Driver
from benchmarks.overhead.summary import Spread
from benchmarks.ping import Row, rows, table
from benchmarks.ping_app import HITS, Court, Players
from inprofile.testing import record


def test_every_ball_of_a_game_is_hit_and_the_players_are_ready_for_the_next():
    async def games():
        players = Players(6)
        await players.start()
        lengths_ns = [await players.game() for _ in range(2)]
        running = [task.done() for task in players.tasks]
        await players.end()
        return lengths_ns, running, players.rallies

    lengths_ns, done, rallies = asyncio.run(games())
    assert all(length_ns > 0 for length_ns in lengths_ns)
    assert (done, rallies) == ([False] * 6, 0)


@pytest.mark.parametrize("is_own", [True, False], ids=["request", "application"])
def test_the_steps_of_a_requests_own_tasks_are_timed_and_those_of_others_are_not(is_own):
    court = Court(4, is_own=is_own)
    inprofile.instrument(court.app)
    runner = asyncio.Runner()
    if not is_own:
        runner.run(court.players.start())
    with closing(Driver(court.app, "/game", runner)) as driver, record() as recorded:
        driver.answer()
    (trace,) = recorded.traces
    assert (trace.steps > 2 * HITS) == is_own
    assert court.game_ns > 0


def test_all_are_compared_in_both_ways(capsys):
    words = ["ping", "--tasks", "20", "--rounds", "1", "--games", "1", "--format", "json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)["rows"]
    assert [(row["tasks"], row["variant"]) for row in found] == [
        (tasks, variant)
        for tasks in ("application", "request")
        for variant in ("bare", "loopless", "on")
    ]
    assert all(row["per_s"]["median"] > 0 for row in found)


def test_a_process_that_fails_is_told(capsys):
    assert main(["ping", "--tasks", "1", "--rounds", "1", "--games", "1"]) == 1
    told = capsys.readouterr().err
    assert "application under bare ended with exit code 1" in told
    assert told.endswith("ValueError: 1 tasks make no pair\n\n")


def test_variants_are_compared_with_bare_in_the_same_round():
    pings = {("application", "bare"): [1000.0, 2000.0], ("application", "on"): [1250.0, 2000.0]}
    assert rows(pings) == [
        Row("application", "bare", Spread(75e4, 5e5, 1e6), Spread(1, 1, 1), Spread(0, 0, 0)),
        Row("application", "on", Spread(65e4, 5e5, 8e5), Spread(0.9, 0.8, 1), Spread(125, 0, 250)),
    ]


@pytest.mark.parametrize(("share", "verdict"), [(0.99, "met"), (0.98, "missed")])
def test_the_table_says_what_was_promised(share, verdict):
    spread = Spread(share, share, share)
    found = [Row("application", "on", Spread(1e6, 1e6, 1e6), spread, Spread(9, 8, 12))]
    assert table(found, "application").rows == [
        (
            "**inprofile on**",
            "1,000,000",
            f"{share:.3f} ({share:.3f} … {share:.3f}) ({verdict}: 0.99)",
            "+9 (+8 … +12)",
        )
    ]
