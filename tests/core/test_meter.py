"""From finished traces to cells: every request, exactly once."""

import os
import threading
from bisect import bisect_left

import pytest

from inprofile.core import metrics
from inprofile.core.buckets import layout
from inprofile.core.cells import Cells
from inprofile.core.guard import guard
from inprofile.core.meter import Meter
from inprofile.core.model import Trace
from inprofile.core.recorder import Recorder, add_span, release
from inprofile.settings import Settings
from tests.core.folding import fold

BOUNDS = layout()


@pytest.fixture
def meter():
    made = Meter(Cells(None, BOUNDS, 4 << 20))
    yield made
    made.cells.close()


@pytest.fixture
def recorder(clock, meter, taken):
    """A recorder whose finished traces are counted and kept."""

    def sink(trace):
        meter.record(trace)
        taken.sunk.append(trace)

    return Recorder(
        sink=sink, keep=taken.kept.append, started=meter.started, clock=clock, slow_ns=0
    )


def request(recorder, clock, *, route="/orders/{id}", status=200, error=None) -> Trace:
    """A request of 1,000 ns: 600 in the handler, 300 in two statements, 100 in logging."""
    trace = recorder.begin("http", "GET", "https")
    trace.route, trace.status = route, status
    about = {"db.system.name": "sqlite", "db.operation.name": "SELECT", "db.collection.name": "t"}
    for length_ns in (100, 200):
        start_ns = clock()
        clock.advance(length_ns)
        add_span(trace.root, "db", "SELECT ?", start_ns, clock())
        trace.spans[-1].attributes = about
    start_ns = clock()
    clock.advance(100)
    fold(trace.root, "logging", "orders.py:88 serialize", start_ns, clock(), count=3)
    clock.advance(600)
    recorder.finish(trace, error)
    return trace


def counted(meter, family):
    """What was counted in one family: labels -> values; what is all zero left out."""
    return {
        key[1:]: values
        for key, values in meter.cells.copied().items()
        if key[0] == family.name and any(values)
    }


def histogram(*observations_ns):
    buckets = [0] * (len(BOUNDS) + 1)
    for observed_ns in observations_ns:
        buckets[bisect_left(BOUNDS, observed_ns)] += 1
    return [sum(observations_ns), max(observations_ns), *buckets]


def test_a_request_is_counted_with_its_stages_statements_and_operations(recorder, meter, clock):
    request(recorder, clock)
    route = "/orders/{id}"
    assert counted(meter, metrics.REQUESTS) == {
        ("GET", route, "200", "https", ""): histogram(1_000)
    }
    stages = counted(meter, metrics.STAGE)
    assert {labels: values[0] for labels, values in stages.items()} == {
        (route, "db"): 300,
        (route, "logging"): 100,
        (route, "handler"): 600,
    }
    assert {sum(values[2:]) for values in stages.values()} == {1}
    assert counted(meter, metrics.DB) == {
        (route, "sqlite", "SELECT", "t", "SELECT ?"): histogram(100, 200)
    }
    (operation,) = counted(meter, metrics.OPERATION).items()
    assert operation[0] == (route, "logging", "orders.py:88 serialize")
    assert (operation[1][0], operation[1][2]) == (100, 3)


def test_commands_of_a_cache_stand_among_the_statements_without_a_text(recorder, meter, clock):
    trace = recorder.begin("http", "GET", "https")
    trace.route = "/"
    said = [
        ("db", "CONNECT", 100, {"db.system.name": "sqlite", "db.operation.name": "CONNECT"}),
        ("cache", "CONNECT", 200, {"db.system.name": "redis", "db.operation.name": "CONNECT"}),
        ("cache", "GET", 300, {"db.system.name": "redis", "db.operation.name": "GET"}),
        ("cache", "GET", 400, {"db.system.name": "redis", "db.operation.name": "GET"}),
        ("cache", "of the user's own", 500, None),
    ]
    for kind, name, length_ns, attributes in said:
        start_ns = clock()
        clock.advance(length_ns)
        add_span(trace.root, kind, name, start_ns, clock())
        trace.spans[-1].attributes = attributes
    recorder.finish(trace)
    assert counted(meter, metrics.DB) == {
        ("/", "sqlite", "CONNECT", "", "CONNECT"): histogram(100),
        ("/", "redis", "CONNECT", "", ""): histogram(200),
        ("/", "redis", "GET", "", ""): histogram(300, 400),
        ("/", "", "_OTHER", "", ""): histogram(500),
    }


def test_the_sum_of_the_stages_is_the_sum_of_the_requests(recorder, meter, clock):
    for number in range(50):
        request(recorder, clock, route=f"/{number % 3}")
    requests, stages = counted(meter, metrics.REQUESTS), counted(meter, metrics.STAGE)
    for route in ("/0", "/1", "/2"):
        total = sum(values[0] for labels, values in requests.items() if labels[1] == route)
        assert sum(values[0] for labels, values in stages.items() if labels[0] == route) == total


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (200, None, ("200", "")),
        (404, None, ("404", "")),
        (503, None, ("503", "503")),
        (0, ValueError(), ("", "ValueError")),
        (200, KeyError(), ("200", "KeyError")),
    ],
    ids=str,
)
def test_a_failed_request_says_what_failed(recorder, meter, clock, status, error, said):
    request(recorder, clock, status=status, error=error)
    ((labels, _),) = counted(meter, metrics.REQUESTS).items()
    assert labels == ("GET", "/orders/{id}", said[0], "https", said[1])


def test_requests_under_way_are_those_begun_and_not_finished(recorder, meter):
    traces = [recorder.begin("http", "GET", "http") for _ in range(3)]
    assert counted(meter, metrics.ACTIVE) == {("GET", "http"): [3]}
    for trace in traces[:2]:
        recorder.finish(trace)
    assert counted(meter, metrics.ACTIVE) == {("GET", "http"): [1]}


def test_each_worker_says_how_many_requests_it_has_answered(recorder, meter, clock):
    request(recorder, clock)
    request(recorder, clock, status=500, error="500")
    recorder.begin("http", "GET", "http")
    assert counted(meter, metrics.WORKER_REQUESTS) == {(str(os.getpid()),): [2]}


def test_a_job_and_a_websocket_are_counted_as_what_they_are(recorder, meter, clock):
    job = recorder.begin("job")
    job.route = "job:mail"
    clock.advance(70)
    recorder.finish(job, ValueError())
    socket = recorder.begin("websocket")
    socket.route, socket.messages = "/ws", [3, 5]
    clock.advance(900)
    recorder.finish(socket)
    assert counted(meter, metrics.JOBS) == {("job:mail", "ValueError"): histogram(70)}
    assert counted(meter, metrics.WEBSOCKETS) == {("/ws",): histogram(900)}
    assert counted(meter, metrics.MESSAGES) == {("/ws", "received"): [3], ("/ws", "sent"): [5]}
    assert counted(meter, metrics.REQUESTS) == counted(meter, metrics.ACTIVE) == {}


def test_spans_that_had_no_room_are_told(recorder, meter, clock):
    recorder.max_spans = 5
    trace = recorder.begin("http", "GET", "http")
    for _ in range(12):
        add_span(trace.root, "cache", "get", clock(), clock())
    recorder.finish(trace)
    assert counted(meter, metrics.DROPPED) == {("spans",): [7]}


def test_routes_beyond_the_cap_share_one_series_and_no_request_is_lost(recorder, meter, clock):
    for number in range(3_000):
        request(recorder, clock, route=f"/{number}")
    requests = counted(meter, metrics.REQUESTS)
    assert sum(sum(values[2:]) for values in requests.values()) == 3_000
    assert len(requests) <= metrics.REQUESTS.cap + 1
    assert ("_OVERFLOW",) * 5 in requests


def test_a_scanner_of_every_route_leaves_room_for_the_routes_successes(clock):
    meter = Meter(Cells(None, BOUNDS, Settings().max_cells_mb << 20))
    recorder = Recorder(sink=meter.record, keep=release, clock=clock)
    routes = [f"/route/{number}" for number in range(900)]
    for route in routes:
        for status in (401, 404, 405, 422, 500):
            request(recorder, clock, route=route, status=status)
    for route in routes:
        request(recorder, clock, route=route)
    requests = counted(meter, metrics.REQUESTS)
    meter.cells.close()
    succeeded = {labels[1] for labels in requests if labels[2] == "200"}
    assert succeeded == set(routes)
    assert sum(sum(values[2:]) for values in requests.values()) == 6 * 900
    assert len(requests) <= metrics.REQUESTS.cap + 1


@pytest.mark.usefixtures("_switching_often")
def test_eight_threads_that_finish_requests_at_once_lose_none(recorder, meter, clock, taken):
    """The meter takes no lock where the GIL makes its additions whole: see ``_LOCKED``."""
    recorder.slow_ns = 0
    trace = request(recorder, clock)
    rounds, threads = 1_500, 8
    barrier = threading.Barrier(threads)

    def work():
        barrier.wait()
        for _ in range(rounds):
            meter.started(trace)
            meter.record(trace)
            meter.count(metrics.KEPT, "slow")

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    total = threads * rounds + 1
    route = "/orders/{id}"
    ((_, values),) = counted(meter, metrics.REQUESTS).items()
    assert (values[0], sum(values[2:])) == (total * 1_000, total)
    assert {
        labels[1]: (values[0], sum(values[2:]))
        for labels, values in counted(meter, metrics.STAGE).items()
    } == {
        "db": (total * 300, total),
        "logging": (total * 100, total),
        "handler": (total * 600, total),
    }
    ((_, values),) = counted(meter, metrics.DB).items()
    assert (values[0], sum(values[2:])) == (total * 300, total * 2)
    ((_, values),) = counted(meter, metrics.OPERATION).items()
    assert (values[0], values[2]) == (total * 100, total * 3)
    assert counted(meter, metrics.ACTIVE) == {}
    assert counted(meter, metrics.KEPT) == {("slow",): [total - 1]}
    assert [trace.route for trace in taken.kept] == [route]


def test_statements_that_had_no_room_as_spans_are_counted_each(recorder, meter, clock):
    recorder.max_spans = 5
    trace = recorder.begin("http", "GET", "http")
    for _ in range(12):
        start_ns = clock()
        clock.advance(10)
        add_span(trace.root, "db", "SELECT ?", start_ns, clock())
    recorder.finish(trace)
    ((_, values),) = counted(meter, metrics.DB).items()
    assert values == histogram(*[10] * 12)


def test_a_request_that_began_before_its_worker_was_reopened_is_counted_whole(clock):
    before, after = (Meter(Cells(None, BOUNDS, 4 << 20)) for _ in range(2))
    recorder = Recorder(sink=after.record, keep=print, started=before.started, clock=clock)
    request(recorder, clock)
    errors, guard.errors = guard.errors, 0
    stages = counted(after, metrics.STAGE)
    for meter in (before, after):
        meter.cells.close()
    assert errors == 0
    assert sum(values[0] for values in stages.values()) == 1_000
