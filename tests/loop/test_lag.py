"""What is measured of a loop, against what is known to have happened."""

import asyncio
import random
import time

import pytest

import inprofile
from benchmarks import lag
from inprofile import process
from inprofile.analysis.distribution import Distribution
from inprofile.analysis.event_loops import event_loops
from inprofile.core import metrics
from inprofile.core.buckets import layout
from inprofile.core.cells import Cells
from inprofile.core.event_loop import EventLoop
from inprofile.loop.heartbeat import Heartbeat
from inprofile.testing import record
from tests import asgi
from tests.core.fake_clock import FakeClock
from tests.loop.loops import LOOPS, run

MS = 1_000_000
NEAR = 0.05


def counted():
    running = process.running()
    assert running is not None
    return running.read()


def spin(seconds):
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


async def endless(scope, receive, send):
    """A request that is there for as long as the test is: its loop is watched."""
    await scope["ready"].wait()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.mark.slow
@pytest.mark.parametrize("kind", LOOPS)
def test_the_quantiles_of_the_lag_are_those_of_the_blocks(kind):
    app = inprofile.instrument(lag.app)
    truth = run(kind, lag.blocked(app, 0.08, 0.1, 80))
    (found,) = event_loops(counted())
    assert found.type == kind
    # 160 beats tell a median of 30 ms to 4 (its standard deviation). The last hundredth are two
    # of them: too few to tell more than what the machine was busy with.
    assert found.lag.p50_ns / 1e9 == pytest.approx(truth.quantile(0.5), abs=0.02)
    assert found.lag.p95_ns / 1e9 == pytest.approx(truth.quantile(0.95), rel=0.3)


class Simulated:
    """A loop in virtual time that is blocked for the first part of each period."""

    def __init__(self, length_ns, period_ns, *, is_used):
        self.length_ns, self.period_ns, self.is_used = length_ns, period_ns, is_used
        self.now_ns = 0
        self.timers: list = []

    def clock(self):
        return self.now_ns

    def is_closed(self):
        return False

    def call_later(self, after_s, callback, context):
        due_ns = self.now_ns + after_s * 1e9
        into_ns = due_ns % self.period_ns
        self.timers.append((due_ns + max(self.length_ns - into_ns, 0), callback))

    def run(self, until_ns, known):
        while self.now_ns < until_ns:
            ((at_ns, callback),) = self.timers
            self.timers.clear()
            self.now_ns = round(at_ns)
            if self.is_used:
                known.used()
            callback()


@pytest.mark.parametrize("is_used", [True, False], ids=["used", "dozing"])
@pytest.mark.parametrize("period_ms", [100, 50, 475, 1000])
def test_over_a_long_time_they_are_within_a_twentieth(period_ms, is_used):
    loop = Simulated(0.9 * period_ms * MS, period_ms * MS, is_used=is_used)
    cells = Cells(None, layout(), 4 << 20)
    at = cells.offset(metrics.LAG, ("simulated",))
    known = EventLoop(loop, 0, 1 << 62, loop.clock)
    Heartbeat(known, lambda ns: cells.observe(at, ns), loop.clock).start()
    loop.run((1 if is_used else 10) * 3600e9, known)
    assert known.dozes is not is_used
    words = cells.words[at : at + 2 + len(cells.bounds) + 1].tolist()
    seen = Distribution.of([words], cells.bounds)
    assert seen.count > 60_000
    assert seen.p50_ns == pytest.approx(0.4 * period_ms * MS, rel=NEAR)
    assert seen.p99_ns == pytest.approx(0.89 * period_ms * MS, rel=NEAR)


class Timers:
    """A loop whose timers come when the test says so."""

    def __init__(self):
        self.set: list = []

    def is_closed(self):
        return False

    def call_later(self, after_s, callback, context):
        self.set.append((after_s, callback))


def test_a_timer_that_comes_before_it_is_due_is_set_again(monkeypatch):
    drawn = random.Random(1)  # or chance may have another beat be due in a millisecond
    monkeypatch.setattr("random.Random", lambda: drawn)
    loop, clock = Timers(), FakeClock()
    observed: list[int] = []
    known = EventLoop(loop, 0, 1 << 62, clock)
    Heartbeat(known, observed.append, clock).start()
    ((_, beat),) = loop.set
    due_ns = known.due_ns
    clock.advance(due_ns - clock() - 300_000)
    beat()
    (_, (least_s, beat)) = loop.set
    assert (observed, known.due_ns, least_s) == ([], due_ns, 0.001)
    clock.advance(1_000_000)
    beat()
    assert observed == [700_000]


@pytest.mark.parametrize("kind", LOOPS)
def test_the_time_on_the_loop_is_that_of_the_steps(kind):
    lengths = []

    async def app(scope, receive, send):
        await asyncio.sleep(0.01)
        start = time.perf_counter_ns()
        spin(0.02)
        lengths.append(time.perf_counter_ns() - start)
        await asyncio.sleep(0.01)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    watched = inprofile.instrument(app)
    with record() as recorded:
        for _ in range(15):
            run(kind, asgi.exchange(watched, asgi.scope("/")))
    known: list = [trace.root.attributes for trace in recorded.traces]
    off_ns = sorted(
        about["inprofile.on_loop.duration_ns"] - length_ns
        for about, length_ns in zip(known, lengths, strict=True)
    )
    assert off_ns[0] >= 0
    assert off_ns[7] < MS / 2  # the machine may take some away for a while
    assert {about["inprofile.on_loop.steps"] for about in known} == {3}
    line = app.__code__.co_firstlineno + 5
    assert known[0]["inprofile.on_loop.longest_at"] == f"{__file__}:{line} {app.__qualname__}"


def test_the_time_of_children_is_time_of_their_request():
    async def child():
        await asyncio.sleep(0.01)
        spin(0.02)

    async def app(scope, receive, send):
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(child())
        await asyncio.gather(child(), child())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    watched = inprofile.instrument(app)
    with record() as recorded:
        run("asyncio", asgi.exchange(watched, asgi.scope("/")))
    assert recorded.trace.on_loop_ns >= 5 * 20 * MS


def test_utilization_is_exact_where_the_selector_tells():
    async def half(app):
        ready = asyncio.Event()
        request = asyncio.create_task(asgi.exchange(app, asgi.scope("/", ready=ready)))
        await asyncio.sleep(0.01)
        busy = idle = 0.0
        for _ in range(15):
            start = time.perf_counter()
            spin(0.02)
            between = time.perf_counter()
            await asyncio.sleep(0.02)
            busy, idle = busy + between - start, idle + time.perf_counter() - between
        (found,) = event_loops(counted())
        ready.set()
        await request
        return busy / (busy + idle), found

    off = []
    for _ in range(3):
        busy, found = run("asyncio", half(inprofile.instrument(endless)))
        assert not found.is_estimate
        off.append(abs(found.utilization[0] - busy))
        inprofile.uninstrument()
    assert sorted(off)[1] < 0.03  # the machine may take one away for a while


def test_a_distribution_of_beats_counts_those_that_a_block_has_swallowed():
    app = inprofile.instrument(endless)
    run("asyncio", lag.blocked(app, 1.0, 1.0, 1))
    rows = [words for key, words in counted().series.items() if key[0] == metrics.LAG.name]
    seen = Distribution.of([row for row in rows if sum(row[2:])], counted().bounds)
    assert seen.count >= 15  # 50 ms apart on average
    assert seen.p50_ns > 100 * MS
