"""The group's file of kept traces: bounded, shared, and readable while it is written."""

import json
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing

import pytest

from inprofile.core import finding_event
from inprofile.core.model import Finding, Location, Trace
from inprofile.core.recorder import Recorder, close_span, current, open_span
from inprofile.storage.store import SCHEMA_VERSION, NewerSchema, Store, StoredTrace
from tests.child import command, environment
from tests.core.fake_clock import FakeClock
from tests.core.folding import fold

FINDING = Finding("slow_query", "/", "SELECT ?", 14, 900, "e", "f", Location("orders.py", 88, "f"))


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def kept(route="/", *, padding=0, status=500) -> Trace:
    """A finished trace of 60 ns: 30 in a statement, 10 in two log lines, 20 in the handler."""
    taken: list[Trace] = []
    clock = FakeClock()
    recorder = Recorder(sink=lambda _: None, keep=taken.append, clock=clock)
    trace = recorder.begin("http", "GET", "http")
    trace.route, trace.path, trace.status = route, f"{route}?x", status
    clock.advance(10)
    span = open_span(trace.root, "db", "SELECT ?", {"db.system.name": "sqlite"})
    clock.advance(30)
    span.error = "OperationalError"
    close_span(span)
    clock.advance(10)
    fold(trace.root, "logging", Location("a.py", 1, "f"), clock() - 10, clock(), count=2)
    clock.advance(10)
    if padding:
        close_span(open_span(trace.root, "cache", "x" * padding))
    recorder.finish(trace)
    current.set(None)
    assert taken == [trace]
    return trace


def batch(*traces):
    return [(trace, []) for trace in traces]


def routes(store, limit=100_000):
    return Counter(trace.route for trace in store.traces(limit=limit))


def size_bytes(store):
    return sum(path.stat().st_size for path in store.path.parent.iterdir())


# Writing and reading


def test_a_trace_is_read_back_as_it_was(store):
    trace = kept("/orders/{id}")
    trace.link = "a" * 32
    assert store.store([(trace, [FINDING])]) == 0
    assert store.traces() == [
        StoredTrace(
            identity=trace.identity,
            link="a" * 32,
            door="http",
            route="/orders/{id}",
            method="GET",
            path="/orders/{id}?x",
            status=500,
            error="500",
            reason="failed",
            started_at=trace.started_at,
            wall_ns=60,
            stages={"db": 30, "logging": 10, "handler": 20},
            spans=[
                {
                    "kind": "db",
                    "name": "SELECT ?",
                    "start_ns": 10,
                    "duration_ns": 30,
                    "self_ns": 30,
                    "count": 1,
                    "parent": 2,
                    "error": "OperationalError",
                    "attributes": {"db.system.name": "sqlite"},
                },
                {
                    "kind": "logging",
                    "name": "a.py:1 f",
                    "start_ns": 50,
                    "duration_ns": 10,
                    "self_ns": 10,
                    "count": 2,
                    "parent": 2,
                },
                {
                    "kind": "handler",
                    "name": "http",
                    "start_ns": 0,
                    "duration_ns": 60,
                    "self_ns": 20,
                    "count": 1,
                    "parent": None,
                    "events": [
                        {
                            "name": "inprofile.finding",
                            "time_ns": 60,
                            "attributes": finding_event.attributes(FINDING),
                        }
                    ],
                },
            ],
        )
    ]
    assert trace.started_at > 1e9


def test_findings_are_read_back_newest_first(store):
    store.store([(kept(), [FINDING])])
    store.store([(kept(), [Finding("n_plus_one", "/a", "", 2, 3, "e", "f")])])
    assert [finding["kind"] for finding in store.findings()] == ["n_plus_one", "slow_query"]
    assert store.findings()[1] == {
        "kind": "slow_query",
        "route": "/",
        "statement": "SELECT ?",
        "count": 14,
        "total_ns": 900,
        "evidence": "e",
        "fix": "f",
        "query": ["orders.py", 88, "f"],
        "loop": None,
        "where": None,
        "relation": "",
        "operation": "",
        "elements": 0,
        "share": 0.0,
        "saving_ns": None,
        "severity": "",
        "cause": "",
        "victims": 0,
        "delayed_ns": 0,
    }


def test_a_finding_is_stored_with_the_lines_of_source_that_can_be_read(store, tmp_path):
    file = tmp_path / "views.py"
    file.write_text("def posts():\n    for post in found:\n        post.author\n")
    loop, gone = Location(str(file), 2, "posts"), Location(str(tmp_path / "gone.py"), 1, "f")
    finding = Finding("n_plus_one", "/", "", 2, 3, "", "", query=gone, loop=loop, where=None)
    store.store([(kept(), [finding])])
    file.write_text("# the next version\n")
    (stored,) = store.findings()
    assert stored["loop"] == [str(file), 2, "posts"]
    assert stored["source"] == {"loop": "for post in found:"}


def test_a_trace_without_a_finding_has_no_event(store):
    store.store([(kept(), [])])
    assert all("events" not in span for span in store.traces()[0].spans)


def test_traces_come_newest_first_and_by_route(store):
    store.store(batch(*(kept(f"/{number % 2}") for number in range(6))))
    store.store(batch(kept("/last")))
    assert [trace.route for trace in store.traces(limit=4)] == ["/last", "/1", "/0", "/1"]
    assert [trace.route for trace in store.traces("/0")] == ["/0"] * 3


def test_where_nothing_was_stored_nothing_is_read_and_no_file_is_made(store):
    assert (store.traces(), store.findings()) == ([], [])
    assert not store.path.exists()


def test_a_file_without_tables_yet_has_no_traces(store):
    store.path.touch()
    assert (store.traces(), store.findings()) == ([], [])


@pytest.mark.parametrize("text", ["naïve ☃", "\ud800", "a\0b", "x" * 100_000], ids=ascii)
def test_no_text_from_a_request_keeps_a_batch_from_being_stored(store, text):
    odd = kept()
    odd.path = odd.route = text[:1_000]
    odd.spans[0].attributes = {"server.address": text}
    assert store.store(batch(kept("/a"), odd, kept("/b"))) == 0
    assert len(store.traces()) == 3


# The schema


def test_the_file_is_in_wal_mode_and_says_its_schema(store):
    store.store(batch(kept()))
    with closing(sqlite3.connect(store.path)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_a_newer_schema_is_refused_with_what_to_do_and_left_alone(store):
    store.store(batch(kept()))
    with closing(sqlite3.connect(store.path)) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    for attempt in (store.traces, store.findings, lambda: store.store(batch(kept()))):
        with pytest.raises(NewerSchema) as raised:
            attempt()
        assert str(raised.value) == (
            f"written by a newer inprofile (schema {SCHEMA_VERSION + 1}, this one reads up to "
            f"{SCHEMA_VERSION}); upgrade it: pip install --upgrade inprofile"
        )
    with closing(sqlite3.connect(store.path)) as db:
        assert db.execute("SELECT count(*) FROM traces").fetchone() == (1,)


# Bounds


def test_a_route_keeps_its_newest_traces(tmp_path):
    store = Store(tmp_path, max_route_traces=5)
    for number in range(12):
        trace = kept()
        trace.path = str(number)
        store.store(batch(trace))
    assert [trace.path for trace in store.traces()] == ["11", "10", "9", "8", "7"]


def test_a_noisy_route_cannot_evict_the_others(tmp_path):
    store = Store(tmp_path, max_traces=50, max_route_traces=100)
    store.store(batch(*(kept(f"/quiet/{number}") for number in range(5))))
    for _ in range(10):
        store.store(batch(*(kept("/noisy") for _ in range(30))))
    assert routes(store) == Counter({"/noisy": 45} | {f"/quiet/{n}": 1 for n in range(5)})


def test_many_routes_share_the_room_evenly(tmp_path):
    store = Store(tmp_path, max_traces=40, max_route_traces=100)
    for number in range(4):
        store.store(batch(*(kept(f"/{number}") for _ in range(40))))
    found = routes(store)
    assert sum(found.values()) == 40
    assert max(found.values()) - min(found.values()) <= 1


def test_findings_go_with_their_traces(tmp_path):
    store = Store(tmp_path, max_route_traces=3)
    for _ in range(10):
        store.store([(kept(), [FINDING, FINDING])])
    assert len(store.traces()) == 3
    assert len(store.findings()) == 6


def test_the_file_stays_within_its_bytes_and_the_newest_traces_are_in_it(tmp_path):
    limit_bytes = 1 << 20
    store = Store(tmp_path, 10_000, 10_000, limit_bytes)
    lost = 0
    for number in range(60):
        lost += store.store(batch(*(kept(f"/{number}", padding=20_000) for _ in range(5))))
        assert store.path.stat().st_size <= limit_bytes
        assert size_bytes(store) <= 3 * limit_bytes
    found = routes(store)
    assert found["/59"] == 5
    assert lost < 300 - sum(found.values())


def test_a_noisy_route_cannot_evict_the_others_by_its_bytes_either(tmp_path):
    store = Store(tmp_path, 10_000, 10_000, 1 << 20)
    store.store(batch(*(kept(f"/quiet/{number}", padding=2_000) for number in range(5))))
    for _ in range(40):
        store.store(batch(*(kept("/noisy", padding=50_000) for _ in range(5))))
    assert {route for route in routes(store) if "quiet" in route} == {
        f"/quiet/{number}" for number in range(5)
    }


def test_what_has_no_room_is_told_and_the_rest_of_its_batch_is_stored(tmp_path):
    store = Store(tmp_path, 10_000, 10_000, 1 << 20)
    huge = kept("/huge", padding=5 << 20)
    assert store.store(batch(kept("/a"), huge, kept("/b"))) == 1
    assert routes(store) == Counter({"/a": 1, "/b": 1})


# Several processes

WRITE = """
import sys
from pathlib import Path
from inprofile.core.recorder import Recorder
from inprofile.storage.store import Store
store = Store(Path(sys.argv[1]), 10_000, 10_000)
input()
for number in range(int(sys.argv[2])):
    batch = []
    recorder = Recorder(sink=lambda _: None, keep=lambda trace: batch.append((trace, [])))
    for _ in range(3):
        trace = recorder.begin("http", "GET", "http")
        trace.route, trace.status = sys.argv[3], 500
        recorder.finish(trace)
    assert store.store(batch) == 0
"""


def test_processes_that_start_at_once_store_everything_while_it_is_read(tmp_path):
    store = Store(tmp_path)
    writers = [
        subprocess.Popen(
            command(WRITE, tmp_path, "30", f"/{number}"),
            env=environment(),
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for number in range(4)
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(b"\n")
        writer.stdin.flush()
    seen = [0]
    while any(writer.poll() is None for writer in writers):
        seen.append(sum(routes(store).values()))
    errors = [writer.communicate()[1].decode() for writer in writers]
    assert errors == [""] * 4
    assert seen == sorted(seen)
    assert routes(store) == {f"/{number}": 90 for number in range(4)}


def test_a_reader_holds_up_no_writer(store):
    store.store(batch(kept("/a")))
    with closing(sqlite3.connect(store.path)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM traces").fetchone() == (1,)
        assert store.store(batch(kept("/b"))) == 0
        assert reader.execute("SELECT count(*) FROM traces").fetchone() == (1,)
    assert len(store.traces()) == 2


def test_what_is_stored_is_json_that_any_tool_reads(store):
    store.store([(kept(), [FINDING])])
    with closing(sqlite3.connect(store.path)) as db:
        stages, spans = db.execute("SELECT stages, spans FROM traces").fetchone()
    assert json.loads(stages) == {"db": 30, "logging": 10, "handler": 20}
    assert len(json.loads(spans)) == 3
