"""How late and how busy loops are, who cost whom how much, and what collects garbage."""

import pytest

from inprofile.analysis.event_loops import LoopWait
from inprofile.core import metrics
from tests.analysis.worker import MS


def test_lag_is_that_of_all_workers_and_how_busy_they_are_that_of_each(group):
    for busy in (0.25, 0.75):
        worker = group.worker()
        for lag_ms in range(1, 101):
            worker.meter.observe(metrics.LAG, "asyncio", value_ns=lag_ms * MS)
        parts = round(busy * metrics.RATIO_PARTS)
        worker.meter.put(metrics.UTILIZATION, "asyncio", "selector", str(busy), value=parts)
    (found,) = group.facts().event_loops
    assert (found.type, found.lag.count, found.lag.max_ns) == ("asyncio", 200, 100 * MS)
    assert found.lag.p50_ns == pytest.approx(50 * MS, rel=0.05)
    assert found.lag.p99_ns == pytest.approx(99 * MS, rel=0.05)
    assert (found.utilization, found.is_estimate) == ((0.75, 0.25), False)


def test_a_loop_that_does_not_tell_when_it_is_idle_has_an_estimate(group):
    worker = group.worker()
    worker.meter.observe(metrics.LAG, "uvloop", value_ns=MS)
    worker.meter.put(metrics.UTILIZATION, "uvloop", "estimate", "1", value=metrics.RATIO_PARTS // 2)
    (found,) = group.facts().event_loops
    assert (found.utilization, found.is_estimate) == ((0.5,), True)


def test_who_waited_for_whom_is_told_by_the_minute(group):
    worker = group.worker()
    for _ in range(4):
        worker.meter.observe(metrics.LOOP_WAIT, "/quick", "/slow", value_ns=50 * MS)
    worker.meter.observe(metrics.LOOP_WAIT, "/slow", "/quick", value_ns=MS)
    assert group.facts().loop_waits == (  # the group is ten seconds old
        LoopWait("/quick", "/slow", 4, 200 * MS, 1200 * MS),
        LoopWait("/slow", "/quick", 1, MS, 6 * MS),
    )


def test_a_route_that_collects_garbage_for_more_than_a_twentieth_of_its_time_is_a_finding(group):
    worker = group.worker()
    for i in range(40):
        for route, gc_ms in (("/pages", 8), ("/lean", 1)):
            collected = [("gc", "gc", gc_ms)] if i % 4 == 0 else []
            worker.request(route, *collected, own_ms=10)
    (found,) = group.facts().findings
    assert (found.kind, found.route, found.times) == ("gc_pressure", "/pages", 10)
    assert found.share == pytest.approx(80 / 480)
    assert "gc.freeze()" in found.fix


def test_a_few_requests_say_nothing_about_garbage(group):
    group.worker().request("/", ("gc", "gc", 50), own_ms=10)
    assert group.facts().findings == ()
