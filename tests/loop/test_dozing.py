"""A loop of which nobody wants anything costs next to nothing, and hides nothing."""

import asyncio
import threading
import time
from contextvars import Context

import pytest

import inprofile
from inprofile import process
from inprofile.core import metrics
from inprofile.loop import watchdog
from inprofile.loop.alarm import LockAlarm, alarm
from inprofile.loop.usage import ThreadUsage
from inprofile.testing import record
from tests import asgi
from tests.loop import fastapi_blocks
from tests.loop.loops import LOOPS, run
from tests.loop.test_culprits import KIND, source, traffic, undisturbed
from tests.loop.test_watching import THREAD, answer

QUIET_S = 0.7
"""What it takes at most: a quarter of a second, and the beat after it."""


def warm():
    """The application of the blocks, whose first request takes long: it builds the stack."""
    app = inprofile.instrument(fastapi_blocks.app)
    asgi.asked(app, "/quick")
    return app


async def doze(app):
    await asgi.exchange(app, asgi.scope("/quick"))
    await asyncio.sleep(QUIET_S)


def wakeups():
    """How often the thread that looks at loops was given a processor so far."""
    (thread,) = (one for one in threading.enumerate() if one.name == THREAD)
    assert thread.native_id is not None
    usage = ThreadUsage(thread.native_id)
    try:
        return usage.read().slices
    finally:
        usage.close()


@pytest.mark.parametrize("kind", LOOPS)
def test_nobody_wakes_up_for_a_loop_that_nobody_uses(kind):
    async def ticking(app):
        """As servers do, which look ten times a second whether they are to end."""
        await doze(app)
        before = wakeups()
        for _ in range(20):
            await asyncio.sleep(0.1)
        return wakeups() - before

    app = inprofile.instrument(answer)
    assert run(kind, ticking(app)) < 20  # of some 80


@pytest.mark.parametrize("make", [alarm, LockAlarm])
@pytest.mark.parametrize("kind", LOOPS)
@pytest.mark.parametrize(
    ("path", "cause"), [("/sleep", "blocking_call"), ("/python", "python_cpu")]
)
def test_the_first_request_after_it_is_looked_at(kind, make, path, cause, monkeypatch):
    async def first(app):
        await doze(app)
        await traffic(app, path, innocents=0)

    monkeypatch.setattr(watchdog, "alarm", make)
    app = warm()
    found = max(undisturbed(lambda: run(kind, first(app))), key=lambda each: each.total_ns)
    assert (found.route, found.cause) == (path, cause)
    assert "guilty" in source(found.query)


def test_a_callback_that_no_request_waits_for_is_looked_at():
    def tick():
        time.sleep(0.12)

    async def ticked(app):
        await doze(app)
        asyncio.get_running_loop().call_later(0.05, tick, context=Context())
        await asyncio.sleep(0.3)

    app = inprofile.instrument(answer)
    (found,) = undisturbed(lambda: run("asyncio", ticked(app)))
    assert (found.route, found.cause) == (f"loop:{tick.__qualname__}", "blocking_call")
    assert found.query is not None
    assert found.query.line == tick.__code__.co_firstlineno + 1


def test_two_that_doze_are_both_looked_at():
    async def one(path):
        await doze(app)
        await traffic(app, path, innocents=0)

    def both():
        threads = [
            threading.Thread(target=run, args=("asyncio", one(path)))
            for path in ("/sleep", "/python")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    app = warm()
    assert {each.route for each in undisturbed(both)} == {"/sleep", "/python"}


@pytest.mark.parametrize("kind", LOOPS)
def test_one_that_is_halted_meanwhile_was_not_late(kind):
    app = inprofile.instrument(answer)
    with record() as recorded, asyncio.Runner(loop_factory=LOOPS[kind]) as runner:
        for _ in range(3):
            runner.run(doze(app))
            time.sleep(0.5)
    assert [each for each in recorded.findings if each.kind == KIND] == []


def test_the_beats_that_are_left_out_are_counted():
    def beats():
        running = process.running()
        assert running is not None
        rows = running.read().series.items()
        return sum(sum(words[2:]) for key, words in rows if key[0] == metrics.LAG.name)

    async def rest(app):
        await doze(app)
        before = beats()
        await asyncio.sleep(8)
        return beats() - before

    app = inprofile.instrument(answer)
    counted = run("asyncio", rest(app))
    assert 20 <= counted < 3 * 160  # 160 on average, from eight
