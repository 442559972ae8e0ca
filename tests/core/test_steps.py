"""Steps of coroutines: what they take, and that nobody sees them being timed."""

import asyncio
import contextlib
import gc
import inspect
import traceback
import warnings
import weakref

import pytest

from inprofile.core.event_loop import EventLoop, arrival_ns
from inprofile.core.recorder import current
from inprofile.core.steps import Child, stepped

MS = 1_000_000


class Loop:
    """What an event loop is to those who know it: something that there is."""


@pytest.fixture
def loop(clock):
    return EventLoop(Loop(), 0, 50 * MS, clock)


@pytest.fixture
def trace(recorder):
    yield recorder.begin("http")
    current.set(None)


class Awaited:
    """Suspends with what it is given, and goes on with what comes back."""

    def __init__(self, value=None):
        self.value = value

    def __await__(self):
        return (yield self.value)


def test_each_step_is_timed_and_the_time_between_them_is_not(clock, loop, trace):
    async def work():
        clock.advance(3)
        await Awaited()
        clock.advance(4)

    steps = stepped(work(), trace, loop)
    steps.send(None)
    clock.advance(100)
    with pytest.raises(StopIteration):
        steps.send(None)
    assert (trace.steps, trace.on_loop_ns) == (2, 7)
    assert loop.running is None


def test_what_is_yielded_sent_returned_and_raised_passes_unchanged(loop, trace):
    async def work():
        assert await Awaited("out") == "in"
        try:
            await Awaited("again")
        except KeyError as error:
            return error.args
        return None

    steps = stepped(work(), trace, loop)
    assert steps.send(None) == "out"
    assert steps.send("in") == "again"
    with pytest.raises(StopIteration) as stop:
        steps.throw(KeyError("x"))
    assert stop.value.value == ("x",)


def test_an_error_comes_through_with_its_own_traceback(loop, trace):
    async def fails():
        await Awaited()
        raise LookupError("mine")

    steps = stepped(fails(), trace, loop)
    steps.send(None)
    with pytest.raises(LookupError, match="mine") as caught:
        steps.send(None)
    assert caught.value.__context__ is None
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "fails"


def test_closing_closes_what_is_inside(loop, trace):
    closed = []

    async def work():
        try:
            await Awaited()
        finally:
            closed.append(True)

    steps = stepped(work(), trace, loop)
    steps.send(None)
    steps.close()
    assert closed == [True]


def test_a_step_inside_of_another_ones_step_takes_its_own_time_alone(clock, loop, trace, recorder):
    other = recorder.begin("http")

    async def inner():
        clock.advance(5)

    async def outer():
        clock.advance(2)
        with pytest.raises(StopIteration):
            stepped(inner(), other, loop).send(None)
        clock.advance(1)

    with pytest.raises(StopIteration):
        stepped(outer(), trace, loop).send(None)
    assert (trace.on_loop_ns, other.on_loop_ns) == (3, 5)


class Gone(ValueError):
    """Can be watched: it is of a class of its own."""


def test_an_error_thrown_in_is_not_kept_alive(loop, trace):
    async def work():
        with contextlib.suppress(ValueError):
            await Awaited()
        await Awaited()

    steps = stepped(work(), trace, loop)
    steps.send(None)
    error = Gone()
    known = weakref.ref(error)
    steps.throw(error)
    gc.disable()
    try:
        del error
        assert known() is None
    finally:
        gc.enable()
        steps.close()


def test_a_child_looks_like_its_coroutine(loop, trace):
    async def work():
        await Awaited()

    inner = work()
    child = Child(inner, trace, loop)
    try:
        assert asyncio.iscoroutine(child)
        assert inspect.iscoroutine(child)
        assert inspect.getcoroutinestate(child) == inspect.CORO_CREATED
        child.send(None)
        assert inspect.getcoroutinestate(child) == inspect.CORO_SUSPENDED
        assert (child.__name__, child.__qualname__) == (inner.__name__, inner.__qualname__)
        assert repr(child) == repr(inner)
        assert child.cr_frame is inner.cr_frame
    finally:
        child.close()
    assert inspect.getcoroutinestate(child) == inspect.CORO_CLOSED


def test_a_child_can_be_awaited(loop, trace):
    async def work():
        return await Awaited("out")

    async def waits():
        return await Child(work(), trace, loop)

    waiting = waits()
    assert waiting.send(None) == "out"
    with pytest.raises(StopIteration) as stop:
        waiting.send("in")
    assert stop.value.value == "in"


@pytest.mark.parametrize("way", ["throw", "close"])
def test_a_child_that_is_cancelled_before_it_began_is_no_coroutine_that_nobody_awaited(
    way, loop, trace
):
    async def work():
        raise AssertionError("it ran")

    child = Child(work(), trace, loop)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if way == "close":
            child.close()
        else:
            with pytest.raises(KeyError):
                child.throw(KeyError())
        del child
        gc.collect()


def test_who_waits_for_a_step_of_somebody_else_has_waited(clock, loop, trace, recorder):
    victim = recorder.begin("http")

    async def waits():
        await Awaited()

    async def blocks():
        clock.advance(80 * MS)

    loop.is_polled = True
    waiting = stepped(waits(), victim, loop)
    waiting.send(None)
    clock.advance(10 * MS)
    loop.idle_ns = clock()
    with pytest.raises(StopIteration):
        stepped(blocks(), trace, loop).send(None)
    current.set(victim.root)
    with pytest.raises(StopIteration):
        waiting.send(None)
    (wait,) = loop.waits
    assert (wait.culprit, wait.victim) == (trace, victim)
    assert (
        wait.wait_ns == victim.shifted["loop_wait"] == 40 * MS
    )  # on average, of what is not known
    (pause,) = loop.pauses
    assert (pause.trace, pause.length_ns, pause.victims) == (trace, 80 * MS, 1)


def test_who_comes_back_to_an_idle_loop_has_not_waited(clock, loop, trace):
    async def waits():
        await Awaited()

    loop.is_polled = True
    waiting = stepped(waits(), trace, loop)
    waiting.send(None)
    clock.advance(500 * MS)
    loop.idle_ns = clock()
    with pytest.raises(StopIteration):
        waiting.send(None)
    assert not loop.waits
    assert "loop_wait" not in trace.shifted


def test_the_own_steps_of_a_trace_are_nothing_that_it_waits_for(clock, loop, trace):
    async def waits():
        await Awaited()

    async def works():
        clock.advance(80 * MS)

    loop.is_polled = True
    waiting = stepped(waits(), trace, loop)
    waiting.send(None)
    loop.idle_ns = clock()
    with pytest.raises(StopIteration):
        stepped(works(), trace, loop).send(None)
    with pytest.raises(StopIteration):
        waiting.send(None)
    assert "loop_wait" not in trace.shifted


@pytest.mark.parametrize(
    ("width", "mean", "expected"),
    [(100, 0, 50), (100, 1e12, 50), (100, 1, 1), (100, 100, 41.8)],
)
def test_an_arrival_is_expected_where_an_exponential_wait_would_end(width, mean, expected):
    assert arrival_ns(width, mean) == pytest.approx(expected, rel=1e-2)


def test_who_begins_in_a_loop_that_is_never_idle_has_not_waited_for_what_was_over_by_then(
    clock, loop, trace, recorder
):
    async def works():
        clock.advance(2 * MS)

    loop.is_polled = True
    with pytest.raises(StopIteration):
        stepped(works(), trace, loop).send(None)
    loop.came_ns = clock()
    with pytest.raises(StopIteration):
        stepped(works(), trace, loop).send(None)
    with pytest.raises(StopIteration):
        stepped(works(), recorder.begin("http"), loop).send(None)
    assert [wait.wait_ns for wait in loop.waits] == [1 * MS]  # on average, of the second one
