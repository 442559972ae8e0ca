"""AnyIO's worker threads: how long a function waits for one, and nothing else about it."""

import asyncio
import contextvars
import threading
import time

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

import inprofile
from inprofile.testing import record
from tests.integrations.spans import spans

WAIT = ("threadpool_wait", "worker", "work", 1)


def measured(recorded, work, *args):
    """The trace of one job that awaits ``work``, and what came out of it."""

    async def run():
        with inprofile.job("work"):
            return await work(*args)

    result = asyncio.run(run())
    trace = recorded.trace
    assert sum(trace.stages.values()) == trace.wall_ns
    return trace, result


def test_a_function_that_finds_a_free_thread_waits_a_moment(recorded):
    trace, result = measured(recorded, anyio.to_thread.run_sync, sum, [1, 2])
    assert (result, spans(trace)) == (3, [WAIT])
    assert trace.stages["threadpool_wait"] > 0


def test_the_time_in_the_thread_is_the_callers(recorded):
    trace, _ = measured(recorded, anyio.to_thread.run_sync, time.sleep, 0.02)
    assert trace.stages["handler"] > 20_000_000


class Busy:
    """A limiter of one thread, which is taken until somebody waits for it and some time more."""

    def __init__(self, hold_s=0.03):
        self.hold_s = hold_s
        self.limiter = anyio.CapacityLimiter(1)
        self.taken = threading.Event()
        self.held_ns = 0

    def hold(self):
        self.taken.set()
        while not self.limiter.statistics().tasks_waiting:
            time.sleep(0.001)
        start_ns = time.perf_counter_ns()
        time.sleep(self.hold_s)
        self.held_ns = time.perf_counter_ns() - start_ns

    async def __aenter__(self):
        self._holder = asyncio.create_task(
            anyio.to_thread.run_sync(self.hold, limiter=self.limiter)
        )
        while not self.taken.is_set():  # noqa: ASYNC110 - set in a thread
            await asyncio.sleep(0.001)
        return self

    async def __aexit__(self, *_):
        await self._holder


def test_a_function_waits_until_the_limiter_lets_it_in(recorded):
    async def work():
        async with Busy() as busy:
            with inprofile.job("waiting"):
                await anyio.to_thread.run_sync(int, limiter=busy.limiter)
        return busy.held_ns

    held_ns = asyncio.run(work())
    trace = recorded.trace
    assert spans(trace) == [("threadpool_wait", "worker", "waiting", 1)]
    assert held_ns <= trace.stages["threadpool_wait"] <= trace.wall_ns
    assert sum(trace.stages.values()) == trace.wall_ns


def test_a_wait_that_is_given_up_is_a_wait_all_the_same(recorded):
    ran = list[int]()

    async def work():
        async with Busy(hold_s=0.1) as busy:
            with inprofile.job("waiting"), anyio.move_on_after(0.05) as scope:
                await anyio.to_thread.run_sync(ran.append, 1, limiter=busy.limiter)
        return scope.cancelled_caught

    assert asyncio.run(work())
    trace = recorded.trace
    assert (ran, spans(trace)) == ([], [("threadpool_wait", "worker", "waiting", 1)])
    assert trace.stages["threadpool_wait"] > 5_000_000


def test_a_function_that_is_abandoned_has_waited_once(recorded):
    started, go_on = threading.Event(), threading.Event()

    def blocks():
        started.set()
        go_on.wait()

    async def work():
        with inprofile.job("work"):
            task = asyncio.create_task(anyio.to_thread.run_sync(blocks, abandon_on_cancel=True))
            while not started.is_set():  # noqa: ASYNC110 - set in a thread
                await asyncio.sleep(0.001)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
        go_on.set()

    asyncio.run(work())
    assert spans(recorded.trace) == [WAIT]


def test_every_function_of_many_waits_on_its_own(recorded):
    async def work():
        limiter = anyio.CapacityLimiter(2)
        waiting = (anyio.to_thread.run_sync(time.sleep, 0.005, limiter=limiter) for _ in range(8))
        await asyncio.gather(*waiting)

    trace, _ = measured(recorded, work)
    assert spans(trace) == [WAIT] * 8
    assert trace.stages["threadpool_wait"] > 5_000_000


variable = contextvars.ContextVar("variable", default="unset")


async def results_and_errors():
    """What a caller can see of the calls."""
    variable.set("of the task")

    def fails(error):
        raise error

    seen = [
        await anyio.to_thread.run_sync(sum, [1, 2]),
        await anyio.to_thread.run_sync(variable.get),
        await anyio.to_thread.run_sync(lambda: anyio.from_thread.run(asyncio.sleep, 0, "back")),
        await anyio.to_thread.run_sync(lambda: anyio.from_thread.run_sync(variable.get)),
        await anyio.to_thread.run_sync(int, abandon_on_cancel=True),
        await anyio.to_thread.run_sync(int, limiter=anyio.CapacityLimiter(1)),
    ]
    problem = KeyError("own")
    for args in ([fails, problem], [sum], [int, "x"], [], [None]):
        with pytest.raises(Exception) as error:  # noqa: PT011 - whichever it is, it is compared
            await anyio.to_thread.run_sync(*args)
        seen += [type(error.value), error.value.args, error.value is problem]
    return seen


def test_results_and_errors_are_the_librarys_own():
    inprofile.uninstrument()
    without = asyncio.run(results_and_errors())
    with record(), inprofile.job("work"):
        within = asyncio.run(results_and_errors())
    assert within == without


def test_what_is_called_in_the_thread_is_below_the_caller(recorded):
    def works():
        with inprofile.span("part", kind="cache"):
            anyio.from_thread.run(asyncio.sleep, 0)

    trace, _ = measured(recorded, anyio.to_thread.run_sync, works)
    assert spans(trace) == [WAIT, ("cache", "part", "work", 1)]
