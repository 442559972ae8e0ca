"""record(): every trace of a block, in full, and afterwards everything as it was before."""

import asyncio
import contextlib
import logging
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from fastapi import FastAPI

import inprofile
from inprofile import process
from inprofile.core.model import Finding
from inprofile.core.recorder import current
from inprofile.runtime import Runtime
from inprofile.storage.store import Store
from inprofile.testing import Recorded, record
from tests import asgi
from tests.core.fake_clock import FakeClock


def work(name="mail"):
    with inprofile.job(name):
        pass


def routes(recorded):
    return [trace.route for trace in recorded.traces]


def running() -> Runtime:
    found = process.running()
    assert found is not None
    return found


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "inprofile"]


def shop():
    app = FastAPI()

    @app.get("/items/{number}")
    async def item(number: int):
        with inprofile.span(f"price {number}", kind="validation"):
            await asyncio.sleep(0)
        return number

    return app


# What is recorded


def test_every_trace_of_the_block_is_recorded_in_the_order_of_finishing():
    with record() as recorded:
        work("first")
        with inprofile.job("outside"):
            work("inside")
    work("afterwards")
    assert routes(recorded) == ["job:first", "job:inside", "job:outside"]


def test_the_traces_have_all_of_their_spans_and_stages():
    with record() as recorded, inprofile.job("mail"):
        for number in range(3):
            with inprofile.span(f"letter {number}", kind="template"):
                pass
    trace = recorded.trace
    assert [(span.kind, span.name) for span in trace.spans] == [
        ("template", "letter 0"),
        ("template", "letter 1"),
        ("template", "letter 2"),
        ("handler", "mail"),
    ]
    assert sum(trace.stages.values()) == trace.wall_ns
    assert trace.stages.keys() == {"template", "handler"}


def test_what_began_before_the_block_and_ends_in_it_is_recorded():
    inprofile.instrument()
    before = inprofile.job("before")
    before.__enter__()
    with record() as recorded:
        before.__exit__(None, None, None)
        late = inprofile.job("late")
        late.__enter__()
    late.__exit__(None, None, None)
    assert routes(recorded) == ["job:before"]


def test_failures_are_recorded_with_their_error():
    with record() as recorded, contextlib.suppress(KeyError), inprofile.job("mail"):
        raise KeyError
    assert recorded.trace.error == "KeyError"


def test_without_a_trace_there_is_nothing_to_find():
    with record() as recorded:
        pass
    assert recorded == Recorded([])
    assert recorded.findings == []


def test_each_block_records_for_itself():
    with record() as first:
        work("one")
    with record() as second:
        work("two")
    assert [routes(first), routes(second)] == [["job:one"], ["job:two"]]


def test_an_inner_block_records_what_the_outer_one_does():
    with record() as outer:
        work("before")
        with record() as inner:
            work("within")
        work("after")
    assert routes(inner) == ["job:within"]
    assert routes(outer) == ["job:before", "job:within", "job:after"]


# The only trace


def test_where_there_is_no_trace_it_is_said_what_to_look_at():
    with record() as recorded:
        asgi.asked(shop(), "/items/1")
    with pytest.raises(AssertionError, match=r"was the application given to inprofile.instrument"):
        recorded.trace  # noqa: B018 - reading it is the test


def test_where_there_are_more_they_are_named():
    with record() as recorded:
        work("one")
        work("two")
    with pytest.raises(AssertionError) as raised:
        recorded.trace  # noqa: B018 - reading it is the test
    assert str(raised.value) == (
        "expected one trace, there are 2: "
        "[<Trace job  job:one 1 spans>, <Trace job  job:two 1 spans>]"
    )


# Findings


def test_a_slow_statement_is_a_finding():
    clock = FakeClock()
    with record() as recorded, closing(sqlite3.connect(":memory:")) as db:
        running().recorder.clock = clock
        db.create_function("nap", 1, lambda ms: clock.advance(ms * 1_000_000))
        with inprofile.job("report"):
            db.execute("SELECT nap(499)").fetchone()
            db.execute("SELECT nap(700) AS slow").fetchone()
    assert recorded.findings == [
        Finding(
            kind="slow_query",
            route="job:report",
            statement="SELECT nap(?) AS slow",
            count=1,
            total_ns=700_000_000,
            evidence="took 700 ms a run",
            fix="Look at its plan (EXPLAIN): an index or fewer rows usually help.",
        )
    ]


# Loops and threads


def test_inside_of_a_running_loop_it_records_what_the_block_awaits():
    app = inprofile.instrument(shop())

    async def main():
        with record() as recorded:
            numbers = range(6)
            await asyncio.gather(
                *(asgi.exchange(app, asgi.scope(f"/items/{number}")) for number in numbers)
            )
        return recorded, current.get()

    recorded, left = asyncio.run(main())
    assert left is None
    assert routes(recorded) == ["/items/{number}"] * 6
    parts = [
        [span.name for span in trace.spans if span.name.startswith("price")]
        for trace in recorded.traces
    ]
    assert sorted(parts) == [[f"price {number}"] for number in range(6)]


def test_requests_of_other_threads_are_recorded_while_the_block_lasts():
    app = inprofile.instrument(shop(), sample_rate=0)
    times, workers = 40, 4
    begin = threading.Barrier(workers + 1)

    def ask(worker):
        begin.wait()
        for number in range(times):
            asgi.asked(app, f"/items/{worker * times + number}")

    asking = [threading.Thread(target=ask, args=(worker,)) for worker in range(workers)]
    for thread in asking:
        thread.start()
    with record() as recorded:
        begin.wait()
        for thread in asking:
            thread.join()
    asgi.asked(app, "/items/1")
    assert sorted(trace.path for trace in recorded.traces) == sorted(
        f"/items/{number}" for number in range(times * workers)
    )
    assert all(sum(trace.stages.values()) == trace.wall_ns for trace in recorded.traces)


def test_blocks_that_come_and_go_beside_requests_lose_and_break_nothing():
    app = inprofile.instrument(shop(), sample_rate=0)
    over = threading.Event()
    asked = []

    def ask():
        while not over.is_set():
            asked.append(asgi.asked(app, "/items/1")[0]["status"])

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        found = 0
        while found < 50:
            with record() as recorded:
                asgi.asked(app, "/items/2")
            found += len(recorded.traces)
            assert [trace.path for trace in recorded.traces].count("/items/2") == 1
    finally:
        over.set()
        asking.join()
    assert set(asked) == {200}
    assert inprofile.status()["errors"] == 0


# Before and afterwards


def test_where_nothing_runs_it_starts_for_the_block_and_stops_after_it():
    before = sqlite3.connect, logging.Logger.handle
    assert inprofile.status() == {"enabled": False}
    with record() as recorded:
        assert inprofile.status()["enabled"] is True
        assert sqlite3.connect is not before[0]
        work()
        assert len(threads()) == 1
    assert inprofile.status() == {"enabled": False}
    assert (sqlite3.connect, logging.Logger.handle) == before
    assert threads() == []
    work()
    assert routes(recorded) == ["job:mail"]


@pytest.mark.parametrize("rate", [0.0, 0.01, 1.0])
def test_what_runs_already_goes_on_as_it_did(rate):
    app = inprofile.instrument(shop(), sample_rate=rate)
    asgi.asked(app, "/items/1")
    found, was = running(), inprofile.status()
    with record(), record():
        asgi.asked(app, "/items/1")
    assert running() is found
    assert found.recorder.sample_rate == rate
    assert found.observers == []
    assert inprofile.status() == was
    with record() as recorded:
        asgi.asked(app, "/items/1")
    assert routes(recorded) == ["/items/{number}"]


def test_an_error_inside_of_the_block_comes_out_and_everything_is_put_back():
    problem, seen = RuntimeError("broken"), []

    def block():
        with record() as recorded:
            seen.append(recorded)
            work()
            raise problem

    with pytest.raises(RuntimeError) as raised:
        block()
    assert raised.value is problem
    assert routes(seen[0]) == ["job:mail"]
    assert inprofile.status() == {"enabled": False}


def test_an_error_leaves_what_ran_before_running():
    inprofile.instrument(sample_rate=0)
    with pytest.raises(KeyboardInterrupt), record():
        raise KeyboardInterrupt
    assert inprofile.status()["enabled"] is True
    assert (running().recorder.sample_rate, running().observers) == (0, [])


def test_an_application_may_bring_its_settings_into_a_recording():
    with record() as recorded:
        app = inprofile.instrument(shop(), slow_ms=5, ignore="n_plus_one")
        asgi.asked(app, "/items/1")
        assert inprofile.status()["settings"]["ignore"] == ("n_plus_one",)
        assert inprofile.instrument(app, slow_ms=7) is app
    assert routes(recorded) == ["/items/{number}"]
    assert inprofile.status() == {"enabled": False}
    inprofile.instrument(slow_ms=5)
    with record(), pytest.raises(ValueError, match="with other settings"):
        inprofile.instrument(slow_ms=7)


def test_what_an_inner_block_finds_is_found_by_the_outer_one_as_well():
    with record() as outer:
        db = sqlite3.connect(":memory:")
        db.execute("CREATE TABLE t (id INTEGER)")
        with record() as inner:
            for number in range(4):
                db.execute("SELECT id FROM t WHERE id = ?", (number,))
        with record() as clean:
            db.execute("SELECT id FROM t WHERE id = ?", (1,))
        db.close()
    assert [finding.count for finding in inner.findings] == [4]
    assert clean.findings == []
    assert outer.findings == inner.findings


def test_a_bad_setting_ends_the_block_before_it_begins(monkeypatch):
    monkeypatch.setenv("INPROFILE_SLOW_MS", "soon")
    with pytest.raises(inprofile.SettingsError, match="INPROFILE_SLOW_MS"), record():
        raise NotImplementedError
    assert process.running() is None


def test_blocks_that_overlap_put_everything_back_as_well():
    """As two threads make them, or two fixtures that do not end in reverse order."""
    inprofile.instrument(sample_rate=0)
    first, second = record(), record()
    one, two = first.__enter__(), second.__enter__()
    first.__exit__(None, None, None)
    work("late")
    second.__exit__(None, None, None)
    assert [routes(one), routes(two)] == [[], ["job:late"]]
    assert running().recorder.sample_rate == 0


def test_the_last_of_overlapping_blocks_stops_what_the_first_one_started():
    first, second = record(), record()
    first.__enter__()
    recorded = second.__enter__()
    first.__exit__(None, None, None)
    try:
        work("late")
    finally:
        second.__exit__(None, None, None)
    assert routes(recorded) == ["job:late"]
    assert inprofile.status() == {"enabled": False}


# Counting and storing


def test_what_is_recorded_is_counted_and_not_stored(monkeypatch):
    monkeypatch.setenv("INPROFILE_GROUP", "shop")
    inprofile.instrument(slow_ms=0)
    with record():
        work("recorded")
    work("stored")
    pipeline = running().pipeline
    assert pipeline is not None
    assert pipeline.flush()
    stored = Store(Path(os.environ["INPROFILE_DIR"]) / "shop").traces()
    assert [trace.route for trace in stored] == ["job:stored"]
    series = running().read().series
    jobs = {
        key[1]: sum(values[2:]) for key, values in series.items() if key[0].endswith("job.duration")
    }
    assert jobs.items() >= {"job:recorded": 1, "job:stored": 1}.items()
