"""What a report admits not to know."""

import pytest

from inprofile.analysis.unknown import FILES, Unknown
from inprofile.core import metrics
from inprofile.core.model import STAGES, UNMATCHED
from tests.analysis.worker import MS


@pytest.fixture
def gaps(group):
    """What is unknown but for the stages that did not occur: they have a test of their own."""

    def read():
        return [gap for gap in group.facts().unknown if not gap.what.startswith("time in ")]

    return read


def parts(stages):
    return [(stage, stage, 1, {}) for stage in sorted(stages)]


def test_nothing_is_unknown_where_everything_was_seen(group):
    group.worker().request("/", *parts(set(STAGES) - {"queue"}), queue_ms=1)
    assert group.facts().unknown == ()


def test_stages_that_never_occurred_are_named(group):
    group.worker().request("/", *parts(set(STAGES) - {"queue", "gc", "cache"}), queue_ms=1)
    why = "there was none, or nothing here measures it; its time is then in the other stages"
    assert group.facts().unknown == (Unknown("time in cache, gc", 0, why),)


def test_requests_without_a_route(group, gaps):
    group.worker().request(UNMATCHED, status=404, own_ms=1)
    why = "no registered route matched them, and their paths are not kept"
    assert gaps() == [Unknown("requests without a route", 1, why)]


def test_requests_that_have_not_ended(group, gaps):
    worker = group.worker()
    worker.request("/", own_ms=1)
    worker.begin("/")
    worker.begin("/")
    assert gaps() == [Unknown("requests under way", 2, "they count when they end")]


def test_requests_under_way_in_a_dead_worker_are_gone(group, gaps):
    group.worker().begin("/")
    group.end()
    group.worker().request("/", own_ms=1)
    assert gaps() == []


def test_spans_above_the_bound(group, gaps):
    group.worker(max_spans=2).request("/", *[("orm", "rows", 1)] * 5)
    why = "their traces were full (INPROFILE_MAX_SPANS); the stage times are exact all the same"
    assert gaps() == [Unknown("spans without a place of their own", 3, why)]


def test_traces_that_had_no_room(group, gaps):
    worker = group.worker()
    worker.request("/", own_ms=1)
    worker.meter.count(metrics.DROPPED, "traces", amount=7)
    why = "too many at once, or no room on disk (INPROFILE_MAX_STORE_MB); they were counted"
    assert gaps() == [Unknown("kept traces not stored", 7, why)]


def test_errors_of_our_own(group, gaps):
    worker = group.worker()
    worker.request("/", own_ms=1)
    worker.meter.count(metrics.ERRORS, amount=2)
    why = "inprofile itself failed there; the app's log has the first ones"
    assert gaps() == [Unknown("observations lost to our own errors", 2, why)]


def test_what_a_cap_on_series_put_together_is_counted_exactly(group, gaps):
    worker = group.worker()
    for i in range(metrics.WEBSOCKETS.cap + 3):
        for _ in range(2):
            trace = worker.begin(f"/{i}", "", "websocket")
            worker.clock.advance(MS)
            worker.recorder.finish(trace)
    cap = metrics.WEBSOCKETS.cap
    why = f"more than {cap} series of inprofile.websocket.duration: the rest share one"
    assert Unknown("observations without labels", 6, why) in gaps()


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"x" * 16, "short"), (b"x" * 4096, "foreign")],
    ids=["empty", "short", "foreign"],
)
def test_files_that_cannot_be_read(group, gaps, content, reason):
    group.worker().request("/", own_ms=1)
    (group.directory / "9.1.1.cells").write_bytes(content)
    assert gaps() == [Unknown("counter files left out", 1, FILES[reason])]


def test_files_that_the_system_refuses_to_give(group, gaps):
    group.worker().request("/", own_ms=1)
    (group.directory / "9.1.1.cells").mkdir()
    assert gaps() == [Unknown("counter files left out", 1, FILES["unreadable"])]


def test_rates_of_a_group_that_has_ended(group, gaps):
    group.worker().request("/", own_ms=1)
    group.end()
    assert gaps() == [Unknown("rates", 0, "all workers have ended, and when is not recorded")]


def test_stages_that_do_not_make_the_duration(group, gaps):
    worker = group.worker()
    worker.request("/", own_ms=10)
    at = worker.cells.offset(metrics.STAGE, ("/", "handler"))
    worker.cells.words[at] -= 4 * MS
    assert gaps() == [Unknown("stages of /", 0, "they miss 40.0 % of its time")]


def test_a_websocket_with_the_name_of_a_route(group, gaps):
    worker = group.worker()
    worker.request("/", own_ms=10)
    worker.request("/", own_ms=10, door="websocket")
    said = "they hold 100.0 % more than its time: another kind of work has its name"
    assert gaps() == [
        Unknown("stages of /", 0, said),
        Unknown("stages of /", 0, "its time was counted under another name"),
    ]
