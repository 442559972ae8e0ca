"""From what workers counted to what a report says."""

import random

import pytest

from inprofile.analysis.costs import Cost, costs
from inprofile.analysis.findings import FindingSummary, Place
from inprofile.analysis.growth import Growth
from inprofile.analysis.operations import Operation, Use
from inprofile.analysis.stages import Stage
from inprofile.core.metrics import FINDINGS, WEBSOCKETS
from inprofile.core.model import Finding, Location
from tests.analysis.worker import MS

SELECT = {"db.system.name": "sqlite", "db.operation.name": "SELECT", "db.collection.name": "item"}
CARRIER = {"http.request.method": "GET", "server.address": "carrier", "error.type": ""}


def near(ms):
    """A quantile is within 5 % of this."""
    return pytest.approx(ms * MS, rel=0.05)


def exactly(stage):
    return (stage.stage, stage.percent, stage.total_ns, stage.per_trace_ns, stage.traces)


def test_routes_are_ranked_by_the_time_they_took_in_all(group):
    worker = group.worker()
    for _ in range(3):
        worker.request("/often", own_ms=10)
    worker.request("/seldom", own_ms=60)
    worker.request("/quick", own_ms=10)
    found = group.facts().requests
    assert [
        (route.route, route.duration.count, route.share, route.cumulative_share, route.rate_per_s)
        for route in found.routes
    ] == [("/seldom", 1, 0.6, 0.6, 0.1), ("/often", 3, 0.3, 0.9, 0.3), ("/quick", 1, 0.1, 1.0, 0.1)]
    assert (found.count, found.total_ns, found.failed) == (5, 100 * MS, 0)


def test_durations_are_exact_in_count_sum_and_maximum_and_near_in_quantiles(group):
    worker = group.worker()
    lengths = [random.Random(4).lognormvariate(2, 1) for _ in range(2000)]
    for ms in lengths:
        worker.request("/", own_ms=ms)
    lengths_ns = sorted(round(ms * MS) for ms in lengths)
    (route,) = group.facts().requests.routes
    found = route.duration
    assert (found.count, found.total_ns, found.max_ns) == (2000, sum(lengths_ns), lengths_ns[-1])
    assert found.mean_ns == round(sum(lengths_ns) / 2000)
    quantiles = [found.p50_ns, found.p95_ns, found.p99_ns]
    assert quantiles == [pytest.approx(lengths_ns[i], rel=0.05) for i in (999, 1899, 1979)]


def test_the_stages_of_a_route_add_up_to_one_hundred_percent(group):
    worker = group.worker()
    worker.request("/", ("db", "SELECT 1", 6, SELECT), ("routing", "routing", 1), own_ms=2)
    worker.request("/", own_ms=3)
    (route,) = group.facts().requests.routes
    assert [exactly(stage) for stage in route.stages] == [
        ("db", 50.0, 6 * MS, 3 * MS, 1),
        ("handler", 41.7, 5 * MS, 2_500_000, 2),
        ("routing", 8.3, 1 * MS, 500_000, 1),
    ]
    assert [stage.p95_ns for stage in route.stages] == [near(6), near(3), near(1)]
    assert (route.stages_ns, route.unexplained_ns) == (route.duration.total_ns, 0)


def test_time_in_the_queue_is_a_stage_but_no_part_of_the_duration(group):
    group.worker().request("/", own_ms=30, queue_ms=10)
    (route,) = group.facts().requests.routes
    assert [(stage.stage, stage.percent) for stage in route.stages] == [
        ("handler", 75.0),
        ("queue", 25.0),
    ]
    assert (route.duration.total_ns, route.stages_ns, route.unexplained_ns) == (30 * MS, 40 * MS, 0)


def test_methods_are_told_apart_and_share_the_stages(group):
    worker = group.worker()
    worker.request("/orders", own_ms=1)
    worker.request("/orders", method="POST", status=500, own_ms=5)
    (route,) = group.facts().requests.routes
    assert [(each.method, each.failed, each.duration.total_ns) for each in route.methods] == [
        ("POST", 1, 5 * MS),
        ("GET", 0, 1 * MS),
    ]
    assert [exactly(stage) for stage in route.stages] == [("handler", 100.0, 6 * MS, 3 * MS, 2)]


def test_failures_are_exceptions_and_statuses_from_500_on(group):
    worker = group.worker()
    for status in (200, 200, 404, 503):
        worker.request("/", status=status, own_ms=1)
    worker.request("/", status=500, own_ms=1, error=KeyError("x"))
    (route,) = group.facts().requests.routes
    assert route.failed == 2
    assert route.errors == {"503": 1, "KeyError": 1}
    assert route.statuses == {"200": 2, "404": 1, "503": 1, "500": 1}


def test_the_counts_of_a_dead_worker_are_kept(group):
    for _ in range(3):
        group.worker().request("/", own_ms=1)
        group.end()
    group.worker().request("/", own_ms=1)
    found = group.facts()
    assert (found.requests.count, len(found.source.workers)) == (4, 1)


def test_of_a_group_that_has_ended_rates_are_not_known(group):
    group.worker().request("/", own_ms=1)
    group.end()
    found = group.facts()
    assert found.source.ended
    assert [route.rate_per_s for route in found.requests.routes] == [None]


def test_statements_are_told_by_route_with_their_runs_per_request(group):
    worker = group.worker()
    runs = [("db", "SELECT * FROM item WHERE id = ?", 2, SELECT)] * 3
    for _ in range(2):
        worker.request("/a", *runs, own_ms=4)
    worker.request("/b", runs[0], own_ms=2)
    first, second = group.facts().requests.statements
    assert (first.route, first.per_trace, first.share_of_route) == ("/a", 3.0, 0.6)
    assert (second.route, second.per_trace, second.share_of_route) == ("/b", 1.0, 0.5)
    assert (first.system, first.operation, first.collection) == ("sqlite", "SELECT", "item")
    assert first.text == "SELECT * FROM item WHERE id = ?"
    assert (first.duration.count, first.duration.total_ns) == (6, 12 * MS)


def test_commands_of_a_cache_are_told_apart_from_statements(group):
    redis = {"db.system.name": "redis", "db.operation.name": "GET"}
    gets = [("cache", "GET", 1, redis)] * 3
    group.worker().request("/a", ("db", "SELECT 1", 2, SELECT), *gets, own_ms=5)
    work = group.facts().requests
    assert [each.name for each in work.statements] == ["SELECT 1"]
    (command,) = work.commands
    assert (command.name, command.text, command.per_trace) == ("redis GET", "", 3.0)
    assert (command.share_of_route, command.duration.total_ns) == (0.3, 3 * MS)
    assert Cost("cache", "redis GET", 3.0, 0.3) in costs(work, work.routes[0])


def test_operations_are_added_up_over_routes(group):
    worker = group.worker()
    worker.request("/a", ("logging", "app.py:1 a", 1), ("logging", "app.py:1 a", 1), own_ms=2)
    worker.request("/b", ("logging", "app.py:1 a", 1), ("middleware", "Gzip", 4), own_ms=1)
    found = group.facts().requests
    assert found.of_stages("logging") == (
        Operation(
            stage="logging",
            name="app.py:1 a",
            calls=3,
            total_ns=3 * MS,
            share=0.3,
            per_trace=1.5,
            uses=(Use("/a", 2, 2 * MS, 2.0, 0.5), Use("/b", 1, 1 * MS, 1.0, 1 / 6)),
        ),
    )
    assert [each.name for each in found.of_stages("middleware", "dependencies")] == ["Gzip"]


def test_outbound_requests_are_told_by_server_whatever_their_status(group):
    worker = group.worker()
    lost = CARRIER | {"http.response.status_code": 503}
    fine = CARRIER | {"http.response.status_code": 200}
    worker.request("/", ("http", "GET", 3, fine), ("http", "GET", 3, lost), own_ms=4)
    (sent,) = group.facts().requests.outbound
    assert (sent.route, sent.method, sent.server) == ("/", "GET", "carrier")
    assert (sent.per_trace, sent.share_of_route) == (2.0, 0.6)
    assert (sent.duration.count, sent.duration.total_ns) == (2, 6 * MS)


def test_jobs_stand_apart_from_requests(group):
    worker = group.worker()
    worker.request("/", own_ms=1)
    worker.job("nightly", ("db", "DELETE FROM item", 3, SELECT), own_ms=1)
    worker.job("nightly", own_ms=4, error=OSError())
    found = group.facts()
    assert (found.requests.count, found.requests.total_ns) == (1, 1 * MS)
    assert found.requests.statements == ()
    (route,) = found.jobs.routes
    assert (route.route, route.duration.count, route.failed) == ("job:nightly", 2, 1)
    assert route.errors == {"OSError": 1}
    assert [(stage.stage, stage.percent) for stage in route.stages] == [
        ("handler", 62.5),
        ("db", 37.5),
    ]
    assert [each.per_trace for each in found.jobs.statements] == [0.5]


def test_websockets_stand_apart_with_their_messages(group):
    worker = group.worker()
    trace = worker.begin("/prices", "", "websocket")
    trace.messages = [3, 2]
    worker.clock.advance(5 * MS)
    worker.recorder.finish(trace)
    found = group.facts()
    assert found.messages == {"received": 3, "sent": 2}
    (route,) = found.websockets.routes
    assert (route.route, route.duration.total_ns) == ("/prices", 5 * MS)
    assert (found.requests.count, found.empty) == (0, False)


def test_the_same_finding_in_many_traces_is_one(group):
    worker = group.worker()
    place = Location("shop/orders.py", 88, "list_orders")

    def finding(count, took_ms):
        return Finding(
            "n_plus_one", "/", "SELECT 1", count, took_ms * MS, f"{count} x", "Join.", query=place
        )

    for count in (10, 20):
        worker.findings = [finding(count, count)]
        worker.request("/", status=500, own_ms=1)
    worker.meter.count(FINDINGS, "n_plus_one", "/", amount=40)
    found = group.facts()
    assert found.findings == (
        FindingSummary(
            kind="n_plus_one",
            route="/",
            query=Place(*place),
            statement="SELECT 1",
            traces=2,
            count=30,
            total_ns=30 * MS,
            evidence="20 x",
            fix="Join.",
            typical_count=10,
            growth=Growth("varies", 2, 10, 20),
            times=40,
            cost_ns=600 * MS,
            estimated=False,
        ),
    )
    assert found.kept == {"failed": 2}


def test_the_costs_of_a_route_are_everything_in_it_that_has_a_name(group):
    worker = group.worker()
    parts = [("db", "SELECT 1", 2, SELECT)] * 2 + [("http", "GET", 3, CARRIER)]
    worker.request("/", *parts, ("serialization", "dump Order", 2), ("logging", "a.py:1 f", 1))
    worker.request("/other", ("logging", "a.py:1 f", 1))
    work = group.facts().requests
    assert costs(work, work.routes[0]) == [
        Cost("db", "SELECT 1", 2.0, 0.4),
        Cost("http", "GET carrier", 1.0, 0.3),
        Cost("serialization", "dump Order", 1.0, 0.2),
        Cost("logging", "a.py:1 f", 1.0, 0.1),
    ]


def test_a_group_without_a_request_is_empty(group):
    worker = group.worker()
    assert group.facts().empty
    worker.cells.offset(WEBSOCKETS, ("/made but never counted",))
    assert group.facts().empty


def test_stages_are_ordered_by_time_and_then_by_name(group):
    group.worker().request("/", ("send", "message", 1), ("orm", "rows", 1), ("db", "x", 2, SELECT))
    (route,) = group.facts().requests.routes
    assert [stage.stage for stage in route.stages][:3] == ["db", "orm", "send"]
    assert all(isinstance(stage, Stage) for stage in route.stages)
