"""Watching loops: when it begins and ends, what it leaves, and what it costs when it is off."""

import asyncio
import contextlib
import gc
import multiprocessing
import os
import resource
import signal
import threading
import time
from pathlib import Path

import pytest

import inprofile
from inprofile import process
from inprofile.core import metrics
from inprofile.testing import record
from tests import asgi
from tests.loop import fastapi_blocks
from tests.loop.loops import LOOPS, run
from tests.loop.test_culprits import KIND, traffic, undisturbed

THREAD = "inprofile-loop"
SOAK_S = float(os.environ.get("SOAK_S", "9"))


def threads():
    return [thread.name for thread in threading.enumerate() if thread.name == THREAD]


async def answer(scope, receive, send):
    await asyncio.sleep(0)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def observed(family):
    running = process.running()
    assert running is not None
    rows = (words for key, words in running.read().series.items() if key[0] == family.name)
    return sum(sum(words[2:]) for words in rows)


def test_nothing_runs_before_the_first_request_on_a_loop():
    app = inprofile.instrument(answer)
    callbacks = list(gc.callbacks)
    assert threads() == []
    asgi.asked(app, "/")
    assert threads() == [THREAD]
    assert len(gc.callbacks) == len(callbacks) + 1


def test_uninstrumenting_leaves_a_loop_that_runs_as_it_was():
    app = inprofile.instrument(answer)
    callbacks = list(gc.callbacks)

    async def main():
        selector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
        before = selector.select
        await asgi.exchange(app, asgi.scope("/"))
        assert selector.select != before
        inprofile.uninstrument()
        assert selector.select == before
        assert threads() == []
        await asyncio.sleep(0.2)  # the last beat finds nothing to do
        await asgi.exchange(answer, asgi.scope("/"))

    asyncio.run(main())
    assert gc.callbacks == callbacks


def test_off_there_is_no_thread_no_beat_and_no_step(monkeypatch):
    monkeypatch.setenv("INPROFILE_LOOP", "0")
    app = inprofile.instrument(answer)
    callbacks = list(gc.callbacks)
    with record() as recorded:
        asgi.asked(app, "/")
    assert threads() == []
    assert gc.callbacks == callbacks
    assert recorded.trace.steps == 0
    assert observed(metrics.LAG) == observed(metrics.ON_LOOP) == 0


def test_loops_after_each_other_are_each_watched_and_let_go():
    app = inprofile.instrument(answer)
    for _ in range(20):
        asgi.asked(app, "/")
    running = process.running()
    assert running is not None
    assert running.watch is not None
    until = time.monotonic() + 30
    while (running.watch.loops.known or _opened()) and time.monotonic() < until:
        time.sleep(0.01)
    assert running.watch.loops.known == {}
    assert _opened() == []


def _opened():
    return [each for each in Path("/proc/self/fd").iterdir() if _is_schedstat(each)]


def _is_schedstat(opened):
    with contextlib.suppress(OSError):
        return opened.readlink().name == "schedstat"
    return False


def in_child(app, path, answers):
    with record() as recorded:
        run("asyncio", traffic(app, path, innocents=0))
    answers.put((threads(), [(each.route, each.kind) for each in recorded.findings]))


def test_a_forked_child_watches_its_own_loops():
    app = inprofile.instrument(fastapi_blocks.app)
    run("asyncio", traffic(app, "/quick", innocents=0))
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=in_child, args=(app, "/sleep", answers))
    child.start()
    assert answers.get(timeout=60) == ([THREAD], [("/sleep", KIND)])
    child.join(60)
    assert child.exitcode == 0
    assert threads() == [THREAD]


@pytest.mark.parametrize("kind", LOOPS)
def test_a_loop_in_another_thread_is_watched_as_well(kind):
    app = inprofile.instrument(fastapi_blocks.app)
    with record() as recorded:
        beside = threading.Thread(target=run, args=(kind, traffic(app, "/sleep")))
        beside.start()
        run(kind, traffic(app, "/event"))
        beside.join()
    found = {(each.route, each.statement) for each in recorded.findings if each.kind == KIND}
    assert {("/sleep", "time.sleep"), ("/event", "threading.Event().wait")} <= found


@pytest.mark.usefixtures("_switching_often")
def test_loops_that_begin_at_the_same_time_are_watched_by_one_thread():
    for _ in range(10):
        app = inprofile.instrument(answer)
        beside = [threading.Thread(target=asgi.asked, args=(app, "/")) for _ in range(8)]
        for each in beside:
            each.start()
        for each in beside:
            each.join()
        assert threads() == [THREAD]
        inprofile.uninstrument()
        assert threads() == []


def test_of_fifty_innocent_requests_none_is_named():
    app = inprofile.instrument(fastapi_blocks.app)
    blamed = undisturbed(lambda: run("asyncio", traffic(app, "/sleep", innocents=50)))
    assert {each.route for each in blamed} == {"/sleep"}
    (culprit,) = (each for each in blamed if each.statement == "time.sleep")
    assert culprit.victims == 50
    # Each was ready 5 ms after the block began, on average.
    length_ns = culprit.total_ns
    assert culprit.delayed_ns == pytest.approx(50 * (length_ns - 5_000_000), rel=0.1)


def test_victims_have_the_time_as_a_stage_and_in_the_matrix():
    app = inprofile.instrument(fastapi_blocks.app)
    with record() as recorded:
        run("asyncio", traffic(app, "/sleep", innocents=4))
        running = process.running()
        assert running is not None
        waited = {
            key[1:]: words[0]
            for key, words in running.read().series.items()
            if key[0] == metrics.LOOP_WAIT.name and words[0]
        }
    stages = [each.stages.get("loop_wait", 0) for each in recorded.traces if each.route == "/quick"]
    assert len(stages) == 4
    assert min(stages) > 100_000_000
    assert waited["/quick", "/sleep"] > 4 * 100_000_000
    assert all(sum(each.stages.values()) == each.wall_ns for each in recorded.traces)


@pytest.mark.parametrize("kind", LOOPS)
def test_requests_of_one_task_that_never_lets_go_of_the_loop_have_not_waited(kind):
    async def at_once(scope, receive, send):
        if scope["path"] == "/slow":
            time.sleep(0.07)  # noqa: ASYNC251 - what it is about
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def client(app):
        for path in ("/slow", *["/next"] * 50):
            await asgi.exchange(app, asgi.scope(path))

    app = inprofile.instrument(at_once)
    with record() as recorded:
        run(kind, client(app))
    (blamed,) = (each for each in recorded.findings if each.kind == KIND)
    assert (blamed.victims, blamed.delayed_ns) == (0, 0)
    assert not any("loop_wait" in each.stages for each in recorded.traces)


def test_a_request_that_is_killed_in_a_block_leaves_counts_that_can_be_read():
    app = inprofile.instrument(fastapi_blocks.app)
    context = multiprocessing.get_context("fork")
    child = context.Process(target=in_child, args=(app, "/event", context.Queue()))
    child.start()
    time.sleep(0.15)
    assert child.pid
    os.kill(child.pid, signal.SIGKILL)
    child.join(60)
    run("asyncio", traffic(app, "/quick", innocents=0))
    running = process.running()
    assert running is not None
    assert dict(running.read().skipped) == {}


@pytest.mark.slow
@pytest.mark.parametrize("kind", LOOPS)
def test_for_seconds_of_nothing_but_blocks_nothing_breaks_or_grows(kind, monkeypatch):
    """The watchdog fires all the time.

    The half hour that is run by hand: SOAK_S=1800 pytest -o faulthandler_timeout=0
    """
    monkeypatch.setenv("INPROFILE_LOOP_BLOCK_MS", "5")
    monkeypatch.setenv("INPROFILE_LOG_FINDINGS", "0")
    app = inprofile.instrument(busy)
    run(kind, flood(app, SOAK_S / 3))
    before, resident = len(gc.get_objects()), rss()
    run(kind, flood(app, 2 * SOAK_S / 3))
    gc.collect()
    print(f"objects {before} ... {len(gc.get_objects())}, RSS {resident} ... {rss()}")
    assert len(gc.get_objects()) < before * 1.2
    assert rss() < resident + 10_000_000
    running = process.running()
    assert running is not None
    found = [words[0] for key, words in running.read().series.items() if KIND in key]
    assert sum(found) > 100


def rss():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def busy(scope, receive, send):
    await asyncio.gather(*[hold() for _ in range(3)])
    await answer(scope, receive, send)


async def hold():
    await asyncio.sleep(0)
    until = time.perf_counter() + 0.008
    while time.perf_counter() < until:
        pass


async def flood(app, seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        await asyncio.gather(*[asgi.exchange(app, asgi.scope("/")) for _ in range(10)])
