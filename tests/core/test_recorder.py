"""Who is whose parent, what is kept, and what is left behind."""

import asyncio
import contextvars
import gc
import logging
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from inprofile.core.block import Block
from inprofile.core.guard import guard
from inprofile.core.model import Span, Trace
from inprofile.core.recorder import (
    Recorder,
    add_span,
    close_span,
    current,
    folded_span,
    hand_over,
    open_span,
    recording,
    release,
)
from tests.core.folding import fold


def family(trace: Trace) -> list[tuple[str, str]]:
    """Each closed span's name and its parent's."""
    return sorted(
        (str(span.name), str(span.parent.name)) for span in trace.spans if span.parent is not None
    )


# What is looked at more closely


@pytest.fixture
def asked(clock, taken):
    """A recorder that finds something in every trace that it asks about, and which those were."""
    asked = []

    def suspicious(trace):
        asked.append(trace.route)
        return True

    recorder = Recorder(
        sink=taken.sunk.append,
        keep=taken.kept.append,
        suspicious=suspicious,
        slow_ns=1_000,
        suspect_ns=500,
        clock=clock,
    )

    def trace(route, took_ns=0, *, suspect=False, status=200, door="http"):
        begun = recorder.begin(door)
        begun.route, begun.suspect, begun.status = route, suspect, status
        clock.advance(took_ns)
        recorder.finish(begun)

    trace("fast")
    trace("fast, suspect", suspect=True)
    trace("rather slow", 500)
    trace("slow", 1_000)
    trace("slow websocket", 1_000, door="websocket")
    trace("failed", status=500)
    trace("failed, suspect", status=500, suspect=True)
    return asked


def test_the_suspect_and_the_rather_slow_are_asked_about_once_whatever_else_they_are(asked):
    assert asked == ["fast, suspect", "rather slow", "slow", "slow websocket", "failed, suspect"]


def test_a_trace_is_kept_for_a_finding_where_nothing_else_keeps_it(asked, taken):
    assert [(trace.route, trace.reason) for trace in taken.kept] == [
        ("fast, suspect", "finding"),
        ("rather slow", "finding"),
        ("slow", "slow"),
        ("slow websocket", "finding"),
        ("failed", "failed"),
        ("failed, suspect", "failed"),
    ]


# Parents


def test_gathered_spans_share_the_request_as_parent(recorder):
    async def query(name, barrier):
        async with Block(name, "db"):
            await barrier.wait()
            with Block(f"{name} rows", "orm"):
                await asyncio.sleep(0)

    async def request():
        trace = recorder.begin("http")
        barrier = asyncio.Barrier(2)
        await asyncio.gather(query("a", barrier), query("b", barrier))
        with Block("after"):
            pass
        return trace

    trace = asyncio.run(request())
    assert family(trace) == [
        ("a", "http"),
        ("a rows", "a"),
        ("after", "http"),
        ("b", "http"),
        ("b rows", "b"),
    ]


def test_tasks_of_a_task_group_nest_below_the_block_that_started_them(recorder):
    async def query(name):
        with Block(name, "db"):
            await asyncio.sleep(0)

    async def request():
        trace = recorder.begin("http")
        with Block("load"):
            async with asyncio.TaskGroup() as group:
                for name in "abc":
                    group.create_task(query(name))
        return trace

    trace = asyncio.run(request())
    assert family(trace) == [("a", "load"), ("b", "load"), ("c", "load"), ("load", "http")]


def test_two_requests_on_one_loop_do_not_see_each_other(recorder):
    async def request(name, barrier):
        trace = recorder.begin("http")
        await barrier.wait()
        with Block(f"in {name}"):
            await barrier.wait()
        return trace

    async def both():
        barrier = asyncio.Barrier(2)
        return await asyncio.gather(request("first", barrier), request("second", barrier))

    first, second = asyncio.run(both())
    assert [(span.name, span.parent) for span in first.spans] == [("in first", first.root)]
    assert [(span.name, span.parent) for span in second.spans] == [("in second", second.root)]


def test_threads_that_run_in_a_copied_context_nest_below_who_started_them(recorder):
    def work(name):
        with Block(name, "db"):
            pass

    trace = recorder.begin("job")
    with Block("fan out"), ThreadPoolExecutor(4) as pool:
        contexts = [contextvars.copy_context() for _ in range(4)]
        for number, context in enumerate(contexts):
            pool.submit(context.run, work, str(number)).result()
    assert family(trace) == [(str(n), "fan out") for n in range(4)] + [("fan out", "job")]


def test_a_thread_without_the_context_is_outside_of_the_trace(recorder):
    seen = []
    trace = recorder.begin("job")
    thread = threading.Thread(target=lambda: seen.append(recording()))
    contextvars.Context().run(thread.start)
    thread.join()
    assert seen == [None]
    assert trace.spans == []


def test_a_generator_that_is_closed_in_another_context_does_no_harm(recorder):
    def rows():
        with Block("rows", "db"):
            yield 1
            yield 2

    trace = recorder.begin("job")
    generator = rows()
    next(generator)
    contextvars.Context().run(generator.close)
    assert family(trace) == [("rows", "job")]


def test_an_async_generator_that_is_finalised_by_another_task_does_no_harm(recorder):
    async def rows():
        with Block("rows", "db"):
            yield 1
            yield 2

    async def request():
        trace = recorder.begin("http")
        generator = rows()
        await anext(generator)
        await asyncio.create_task(generator.aclose())
        return trace

    assert family(asyncio.run(request())) == [("rows", "http")]


def test_closing_makes_the_parent_current_again(recorder):
    trace = recorder.begin("job")
    span = open_span(trace.root, "db", "query")
    assert recording() is span
    close_span(span)
    assert recording() is trace.root


# What a finished trace does


def test_outside_of_a_trace_nothing_is_recorded():
    assert recording() is None
    with Block("nobody listens") as block:
        assert block._span is None


def test_what_is_open_around_the_last_byte_ends_with_the_trace(recorder, clock):
    recorder.sample_rate = 1.0
    trace = recorder.begin("job")
    outer = open_span(trace.root, "middleware", "outer")
    clock.advance(1)
    inner = open_span(outer, "handler", "inner")
    clock.advance(10)
    recorder.finish(trace)
    clock.advance(10)
    close_span(inner)
    close_span(outer)
    assert trace.spans == [inner, outer, trace.root]
    assert [span.end_ns - span.start_ns for span in trace.spans] == [10, 11, 11]
    assert trace.stages == {"handler": 10, "middleware": 1}


def test_a_finished_trace_records_nothing(recorder, taken, clock):
    recorder.sample_rate = 1.0
    trace = recorder.begin("job")
    clock.advance(10)
    recorder.finish(trace)
    late = open_span(trace.root, "db", "late")
    clock.advance(10)
    close_span(late)
    add_span(trace.root, "threadpool_wait", "worker", clock(), clock())
    assert recording() is None
    assert trace.spans == [trace.root]
    assert trace.stages == {"handler": 10}
    assert taken.sunk == taken.kept == [trace]


def test_a_second_finish_does_nothing(recorder, taken, clock):
    trace = recorder.begin("job")
    trace.status = 500
    clock.advance(10)
    recorder.finish(trace)
    clock.advance(10)
    recorder.finish(trace, ValueError())
    assert taken.sunk == [trace]
    assert trace.wall_ns == 10
    assert trace.error == "500"


def test_the_clock_begins_after_our_own_preparations(taken, clock):
    recorder = Recorder(
        sink=taken.sunk.append,
        keep=taken.kept.append,
        started=lambda _: clock.advance(1_000_000),
        clock=clock,
        slow_ns=0,
    )
    trace = recorder.begin("job")
    clock.advance(5)
    recorder.finish(trace)
    assert trace.wall_ns == 5


# Errors


@pytest.mark.parametrize(
    "error", [ValueError("a"), KeyboardInterrupt(), SystemExit(3), asyncio.CancelledError()]
)
def test_any_exception_passes_a_block_as_it_is_and_is_named(recorder, error):
    trace = recorder.begin("job")
    with pytest.raises(type(error)) as raised, Block("work"):
        raise error
    assert raised.value is error
    assert [span.error for span in trace.spans] == [type(error).__name__]


def test_a_sink_that_fails_does_not_reach_the_app(clock, taken, caplog):
    def broken(_trace):
        raise RuntimeError("no space")

    recorder = Recorder(sink=broken, keep=taken.kept.append, started=broken, clock=clock)
    trace = recorder.begin("job")
    recorder.finish(trace)
    assert trace.finished
    assert guard.errors == 2
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    guard.errors = 0


def test_a_sink_lets_a_cancellation_through(clock):
    def cancelled(_trace):
        raise asyncio.CancelledError

    recorder = Recorder(sink=cancelled, keep=lambda _: None, clock=clock)
    trace = recorder.begin("job")
    with pytest.raises(asyncio.CancelledError):
        recorder.finish(trace)


# What is kept


def finish(recorder, clock, *, took_ns=10, status=200, error=None, door="http"):
    trace = recorder.begin(door)
    trace.status = status
    clock.advance(took_ns)
    recorder.finish(trace, error)
    return trace


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        ({}, ""),
        ({"status": 404}, ""),
        ({"status": 500}, "failed"),
        ({"error": KeyError()}, "failed"),
        ({"took_ns": 999_999_999}, ""),
        ({"took_ns": 1_000_000_000}, "slow"),
        ({"took_ns": 1_000_000_000, "status": 503}, "failed"),
        ({"took_ns": 1_000_000_000, "door": "websocket"}, ""),
        ({"took_ns": 1_000_000_000, "door": "job"}, "slow"),
    ],
    ids=str,
)
def test_a_trace_is_kept_for_a_reason(recorder, taken, clock, about, reason):
    trace = finish(recorder, clock, **about)
    assert trace.reason == reason
    assert taken.sunk == [trace]
    assert taken.kept == ([trace] if reason else [])


def test_the_sample_rate_is_the_share_kept_by_chance(recorder, taken, clock):
    recorder.sample_rate = 0.25
    recorder._random.seed(1)
    for _ in range(4_000):
        finish(recorder, clock)
    assert {trace.reason for trace in taken.kept} == {"sampled"}
    assert 0.22 < len(taken.kept) / len(taken.sunk) < 0.28


def test_sampling_leaves_the_apps_own_random_numbers_alone(recorder, clock):
    import random

    random.seed(7)
    expected = [random.random() for _ in range(3)]
    random.seed(7)
    recorder.sample_rate = 0.5
    seen = []
    for _ in range(3):
        seen.append(random.random())
        finish(recorder, clock)
    assert seen == expected


def test_kept_traces_have_identities_of_their_own(recorder, taken, clock):
    recorder.sample_rate = 1.0
    for _ in range(50):
        finish(recorder, clock)
    identities = {trace.identity for trace in taken.kept}
    assert len(identities) == 50
    assert all(len(identity) == 32 and int(identity, 16) for identity in identities)


# What other services are told

CALLER = b"00-11111111111111111111111111111111-2222222222222222-00"


def test_a_span_is_told_of_by_one_identity_in_its_trace(recorder):
    trace = recorder.begin("http")
    span = open_span(trace.root, "http", "GET a")
    first, second = recorder.context(span), recorder.context(trace.root)
    assert first == recorder.context(span) == (trace.identity, span.identity, 0, "")
    assert second == (trace.identity, trace.root.identity, 0, "")
    assert len({trace.identity[:16], span.identity, trace.root.identity}) == 3
    recorder.finish(trace)


def test_a_trace_goes_on_with_its_callers_identity_and_flags_and_keeps_its_own(recorder):
    recorder.sample_rate = 1.0
    trace = recorder.begin("http")
    trace.carrier = [(b"traceparent", CALLER), (b"tracestate", b"a=1")]
    assert recorder.context(trace.root) == ("1" * 32, trace.root.identity, 0, "a=1")
    assert recorder.caller(trace) == ("1" * 32, "2" * 16, 0, "a=1")
    assert (trace.carrier, trace.drawn) == (None, None)
    recorder.finish(trace)
    assert trace.identity not in {"", "1" * 32}


def test_a_kept_trace_has_let_go_of_its_requests_headers(recorder, taken):
    recorder.sample_rate = 1.0
    trace = recorder.begin("http")
    trace.carrier = [(b"cookie", b"secret"), (b"traceparent", CALLER)]
    recorder.finish(trace)
    assert [(kept.carrier, kept.caller.span_id) for kept in taken.kept] == [(None, "2" * 16)]


@pytest.mark.parametrize(("told", "kept"), [(0.0, 0), (1.0, 1)])
def test_what_services_were_told_of_chance_holds(told, kept, recorder, taken):
    recorder.sample_rate = told
    trace = recorder.begin("http")
    assert recorder.context(trace.root).flags == kept
    recorder.sample_rate = 1 - told
    recorder.finish(trace)
    assert len(taken.kept) == kept


def test_threads_that_ask_at_once_are_told_the_same(recorder):
    recorder.sample_rate = 0.5
    for _ in range(50):
        trace = recorder.begin("http")
        spans = [open_span(trace.root, "http", "GET a") for _ in range(4)]
        barrier = threading.Barrier(4)

        def told(span, barrier=barrier):
            barrier.wait()
            return recorder.context(span)

        with ThreadPoolExecutor(4) as pool:
            contexts = list(pool.map(told, spans))
        recorder.finish(trace)
        assert {context[::2] for context in contexts} == {(trace.identity, int(trace.drawn))}
        assert len({context.span_id for context in contexts}) == 4


# What is left behind


def plain(recorder: Recorder, trace: Trace) -> None:
    with Block("outer"), Block("inner", "db"):
        pass


def with_folds(recorder: Recorder, trace: Trace) -> None:
    with Block("outer"):
        parent = recording()
        assert parent is not None
        fold(parent, "logging", "line", 0, 1)
    fold(trace.root, "send", "body", 0, 1)


def over_the_limit(recorder: Recorder, trace: Trace) -> None:
    for _ in range(20):
        with_folds(recorder, trace)


def overlapping(recorder: Recorder, trace: Trace) -> None:
    first = open_span(trace.root, "db", "a")
    second = open_span(trace.root, "db", "b")
    close_span(first)
    close_span(second)


def left_open(recorder: Recorder, trace: Trace) -> None:
    parent = open_span(trace.root, "middleware", "m")
    folded_span(parent, "send", "response", None).moved_ns += 1
    section = open_span(parent, "validation", "parameters")
    trace.section = section, (), 0
    trace.last_statement = object(), section
    trace.endpoint = section
    hand_over(section, parent)


def alive() -> int:
    """How many spans and traces are in memory: other tests' failures may hold some."""
    return sum(type(thing) in {Span, Trace} for thing in gc.get_objects())


@pytest.mark.parametrize(
    "work", [plain, with_folds, over_the_limit, overlapping, left_open], ids=lambda f: f.__name__
)
def test_a_trace_that_is_let_go_leaves_nothing_for_the_garbage_collector(clock, work):
    recorder = Recorder(sink=lambda _: None, keep=lambda _: None, clock=clock, max_spans=10)
    gc.collect()
    gc.disable()
    before = alive()
    try:
        trace = recorder.begin("http")
        work(recorder, trace)
        recorder.finish(trace)
        current.set(None)
        del trace
        assert alive() == before
    finally:
        gc.enable()


def test_a_kept_trace_is_gone_once_it_is_released(recorder, taken, clock):
    gc.collect()
    gc.disable()
    try:
        trace = recorder.begin("http")
        with_folds(recorder, trace)
        recorder.finish(trace, ValueError())
        current.set(None)
        left = weakref.ref(trace)
        release(trace)
        taken.sunk.clear()
        taken.kept.clear()
        del trace
        assert left() is None
    finally:
        gc.enable()
