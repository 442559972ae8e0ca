"""The background thread: bounded, patient with failures, and done when it says so."""

import threading
from types import SimpleNamespace

import pytest

from inprofile.core.guard import guard
from inprofile.core.model import Finding, Trace
from inprofile.core.pipeline import MAX_ROUTE_WAITING, MAX_WAITING, Pipeline


def trace(route="/"):
    made = Trace(None, "http", "GET", "http", lambda: 0, 10)
    made.route = route
    return made


def finding(trace, kind="slow_query"):
    return Finding(kind, trace.route, "", 1, 1, "", "")


@pytest.fixture
def seen():
    return SimpleNamespace(batches=[], dropped=0)


@pytest.fixture
def pipelines(seen):
    """Makes pipelines that show what they drain, and stops them at the end."""
    made = []

    def drain(batch):
        seen.batches.append([(trace.route, [one.kind for one in found]) for trace, found in batch])

    def dropped(count):
        seen.dropped += count

    def make(detectors=(), drains=(), ticks=()):
        made.append(Pipeline(detectors, [*drains, drain], ticks, dropped))
        return made[-1]

    yield make
    for pipeline in made:
        pipeline.stop()


def drained(seen):
    return [one for batch in seen.batches for one in batch]


def test_each_trace_goes_through_with_its_findings_in_order(pipelines, seen):
    pipeline = pipelines([lambda trace: [finding(trace, "a")], lambda trace: [finding(trace, "b")]])
    pipeline.start()
    for number in range(5):
        pipeline.put(trace(f"/{number}"))
    assert pipeline.flush()
    assert drained(seen) == [(f"/{number}", ["a", "b"]) for number in range(5)]


def test_without_a_thread_a_flush_does_the_work_itself(pipelines, seen):
    pipeline = pipelines()
    pipeline.put(trace())
    assert pipeline.flush()
    assert drained(seen) == [("/", [])]


def test_a_noisy_route_leaves_room_for_the_others(pipelines, seen):
    pipeline = pipelines()
    for _ in range(MAX_ROUTE_WAITING + 30):
        pipeline.put(trace("/noisy"))
    pipeline.put(trace("/quiet"))
    assert seen.dropped == 30
    pipeline.flush()
    assert drained(seen) == [("/noisy", [])] * MAX_ROUTE_WAITING + [("/quiet", [])]


def test_all_routes_together_are_bounded_and_what_was_turned_away_is_told(pipelines, seen):
    pipeline = pipelines()
    for number in range(MAX_WAITING + 50):
        pipeline.put(trace(f"/{number}"))
    pipeline.flush()
    assert (len(drained(seen)), seen.dropped) == (MAX_WAITING, 50)


def test_there_is_room_again_after_a_drain(pipelines, seen):
    pipeline = pipelines()
    for _ in range(3):
        for _ in range(MAX_ROUTE_WAITING):
            pipeline.put(trace())
        pipeline.flush()
    assert (len(drained(seen)), seen.dropped) == (3 * MAX_ROUTE_WAITING, 0)


def test_a_detector_that_fails_does_not_stop_the_others(pipelines, seen):
    def broken(trace):
        yield finding(trace, "before")
        raise LookupError("of ours")

    pipeline = pipelines([broken, lambda trace: [finding(trace, "after")]])
    pipeline.put(trace("/a"))
    pipeline.put(trace("/b"))
    pipeline.flush()
    assert drained(seen) == [("/a", ["before", "after"]), ("/b", ["before", "after"])]
    assert guard.errors == 2
    guard.errors = 0


def test_a_drain_or_tick_that_fails_does_not_stop_the_others_nor_the_thread(pipelines, seen):
    ticked = threading.Event()

    def broken(*_):
        raise OSError("unreachable")

    pipeline = pipelines(drains=[broken], ticks=[broken, ticked.set])
    pipeline.start()
    for route in ("/a", "/b"):
        pipeline.put(trace(route))
        assert pipeline.flush()
    assert ticked.wait(10)
    assert drained(seen) == [("/a", []), ("/b", [])]
    pipeline.stop()
    assert guard.errors >= 3
    guard.errors = 0


def test_a_flush_waits_for_the_batch_that_is_being_drained(pipelines, seen):
    begun, go_on = threading.Event(), threading.Event()

    def slow(_batch):
        begun.set()
        assert go_on.wait(10)

    pipeline = pipelines(drains=[slow])
    pipeline.start()
    pipeline.put(trace())
    pipeline._wake.set()
    assert begun.wait(10)
    assert not pipeline.flush(timeout_s=0.01)
    go_on.set()
    assert pipeline.flush()
    assert drained(seen) == [("/", [])]


def test_a_flush_that_comes_while_a_trace_is_being_put_still_waits_for_it(pipelines, seen):
    """The thread may find the queue empty between put()'s two steps and call itself idle."""
    begun, go_on = threading.Event(), threading.Event()

    def slow(_batch):
        begun.set()
        assert go_on.wait(10)

    pipeline = pipelines(drains=[slow])
    pipeline.start()
    pipeline._waiting.append(trace())  # put() without its first step: as if undone by the thread
    pipeline._idle.set()
    pipeline._wake.set()
    assert begun.wait(10)
    assert not pipeline.flush(timeout_s=0.01)
    go_on.set()
    assert pipeline.flush()


def test_stopping_lets_the_thread_finish_what_waits(pipelines, seen):
    pipeline = pipelines()
    pipeline.start()
    for number in range(20):
        pipeline.put(trace(f"/{number}"))
    pipeline.stop()
    assert len(drained(seen)) == 20
    assert "inprofile" not in {thread.name for thread in threading.enumerate()}


def test_stopping_does_not_wait_for_a_drain_that_hangs(pipelines):
    go_on = threading.Event()
    pipeline = pipelines(drains=[lambda _batch: go_on.wait(10)])
    pipeline.start()
    thread = pipeline._thread
    pipeline.put(trace())
    pipeline.stop(timeout_s=0.05)
    assert thread.is_alive()
    assert thread.daemon
    go_on.set()
    thread.join(10)


def test_starting_twice_starts_one_thread(pipelines):
    pipeline = pipelines()
    pipeline.start()
    pipeline.start()
    assert [thread.name for thread in threading.enumerate()].count("inprofile") == 1
