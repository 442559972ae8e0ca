"""An ASGI application that trio runs: its lag is known, and its requests are counted as ever."""

import time

import pytest
import trio
import trio.testing

import inprofile
from inprofile import process
from inprofile.testing import record
from tests import asgi
from tests.exporters.exposed import whole
from tests.loop.lags import BLOCK_S, EXPECTED, LATE_S, lags


async def app(scope, receive, send):
    if scope["path"] == "/block":
        time.sleep(BLOCK_S)  # noqa: ASYNC251 - what the test is about
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep, BLOCK_S)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def door():
    return inprofile.instrument(app)


async def asked(door, path="/"):
    """Ask, and give the beat that was held up the time to come."""
    sent = await asgi.exchange(door, asgi.scope(path))
    assert sent[0]["status"] == 200
    await trio.sleep(0.2)


def beats(above_s=None):
    running = process.running()
    assert running is not None
    text, _ = whole(running.outlets.exposition("text/plain"))
    return lags(text, "trio", above_s)


def test_a_block_is_seen_in_the_lag_for_its_whole_length(door):
    trio.run(asked, door)
    quiet, waited = beats(), beats(LATE_S)
    trio.run(asked, door, "/block")
    blocked = beats(LATE_S) - waited
    assert quiet > waited
    assert 0.5 * EXPECTED < blocked - waited < 2 * EXPECTED


def test_each_run_has_a_heartbeat_of_its_own_that_ends_with_it(door):
    seen = []
    for _ in range(2):
        trio.run(asked, door)
        seen.append(beats())
    time.sleep(0.2)
    assert 0 < seen[0] < seen[1] == beats()


def test_a_request_is_one_trace_whose_steps_are_not_told(door):
    with record() as recorded:
        trio.run(asked, door, "/block")
    trace = recorded.trace
    assert (trace.path, trace.status, trace.error) == ("/block", 200, None)
    assert (trace.steps, trace.on_loop_ns, trace.pauses) == (0, 0, None)
    assert sum(trace.stages.values()) == trace.wall_ns >= BLOCK_S * 1e9
    assert "loop_wait" not in trace.stages


def test_after_uninstrument_it_beats_no_more(door):
    async def main():
        await asked(door)
        inprofile.uninstrument()
        inprofile.instrument()
        before = beats()
        await trio.sleep(0.3)
        return before, beats()

    before, after = trio.run(main)
    assert 0 < before == after


def test_without_watching_loops_there_is_no_lag(monkeypatch):
    monkeypatch.setenv("INPROFILE_LOOP", "0")
    trio.run(asked, inprofile.instrument(app))
    assert beats() == 0


def test_a_time_that_a_test_makes_up_goes_on_as_it_would(door):
    clock = trio.testing.MockClock(autojump_threshold=0)

    async def main():
        await asked(door)
        return trio.current_time()

    assert trio.run(main, clock=clock) == pytest.approx(BLOCK_S + 0.2)
    assert beats() == 0


def test_a_cancelled_request_leaves_the_run_as_it_was(door):
    async def main():
        with trio.move_on_after(0.1) as scope:
            await asgi.exchange(door, asgi.scope("/"))
        return scope.cancelled_caught

    with record() as recorded:
        assert trio.run(main)
    assert recorded.trace.error in {"Cancelled", "BaseExceptionGroup"}  # of the nursery's
