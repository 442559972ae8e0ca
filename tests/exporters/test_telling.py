"""What an exporter is told: the same numbers as a scrape, in OpenTelemetry's words."""

import os
import time
from bisect import bisect_left

import pytest
from opentelemetry.sdk.metrics.export import AggregationTemporality as Temporality

from inprofile.core import exemplars
from inprofile.core.buckets import CLASSIC_S
from inprofile.core.metrics import COUNTER, HISTOGRAM, KEPT, REQUESTS
from inprofile.core.slots import Snapshot, Worker
from inprofile.exporters.otel_metrics.data import Preference
from inprofile.exporters.otel_metrics.telling import Telling
from tests.exporters.sources import linux

WHOLE = Preference()
EXPONENTIAL = Preference(is_exponential=True)
DELTAS = Preference(frozenset({COUNTER, HISTOGRAM}))
DURATION = "http.server.request.duration"


@pytest.fixture
def telling():
    return Telling(None, "here")


def told(telling, counted, wanted=WHOLE):
    """The metrics of the next export by name."""
    return {metric.name: metric for metric in telling.next(counted, wanted).metrics}


def durations(telling, fed, wanted=DELTAS):
    """How many requests the next export tells of, and of which window; it arrives."""
    metric = told(telling, fed.snapshot(), wanted).get(DURATION)
    telling.arrived()
    if metric is None:
        return None
    (point,) = metric.data.data_points
    return point.count, point.start_time_unix_nano, point.time_unix_nano


def test_a_histogram_has_the_classic_bounds_and_every_count(fed, telling):
    before_ns = time.time_ns()
    for length_ms in (3, 3, 40, 20_000, 60_000):
        fed.request(length_ms * 1_000_000)
    metric = told(telling, fed.snapshot())[DURATION]
    assert (metric.unit, metric.description) == ("s", REQUESTS.help)
    assert metric.data.aggregation_temporality is Temporality.CUMULATIVE
    (point,) = metric.data.data_points
    assert point.attributes == {
        "http.request.method": "GET",
        "http.route": "/orders/{id}",
        "http.response.status_code": 200,
        "url.scheme": "https",
    }
    counts = [0] * (len(CLASSIC_S) + 1)
    for length_s in (0.003, 0.003, 0.04, 20, 60):
        counts[bisect_left(CLASSIC_S, length_s)] += 1
    assert (list(point.explicit_bounds), point.bucket_counts) == (list(CLASSIC_S), counts)
    assert (point.count, point.sum, point.max) == (5, pytest.approx(80.046), 60.0)
    assert point.min is None
    assert point.start_time_unix_nano <= before_ns <= point.time_unix_nano


def test_an_exponential_histogram_has_schema_3_and_every_count(fed, telling):
    for length_ms in (1, 2, 4, 4):
        fed.request(length_ms * 1_000_000)
    (point,) = told(telling, fed.snapshot(), EXPONENTIAL)[DURATION].data.data_points
    assert (point.scale, point.zero_count, point.count) == (3, 0, 4)
    base = 2 ** (2**-3)
    edges = [
        (base ** (point.positive.offset + i), base ** (point.positive.offset + i + 1), count)
        for i, count in enumerate(point.positive.bucket_counts)
        if count
    ]
    assert [count for _, _, count in edges] == [1, 1, 2]
    for length_s, (low, high, _) in zip((0.001, 0.002, 0.004), edges, strict=True):
        assert low < length_s <= high


def test_counters_are_sums_that_only_grow_and_gauges_are_gauges(fed, telling):
    fed.meter.count(KEPT, "slow", amount=3)
    found = told(telling, fed.snapshot())
    (point,) = found["inprofile.traces.kept"].data.data_points
    assert (point.attributes, point.value) == ({"reason": "slow"}, 3)
    kept = found["inprofile.traces.kept"].data
    assert (kept.is_monotonic, kept.aggregation_temporality) == (True, Temporality.CUMULATIVE)
    assert type(found["inprofile.workers"].data).__name__ == "Gauge"


def test_what_the_semantic_conventions_count_up_and_down_is_a_sum_of_the_whole(fed, telling):
    fed.request()
    for wanted in (WHOLE, DELTAS):
        active = told(telling, fed.snapshot(), wanted)["http.server.active_requests"].data
        assert (active.is_monotonic, active.aggregation_temporality) == (
            False,
            Temporality.CUMULATIVE,
        )


def test_exemplars_name_their_trace(fed, telling):
    fed.request(3_000_000)
    labels = ("GET", "/orders/{id}", "200", "https", "")
    exemplars._note(fed.cells, (1, 2, 3), time.time_ns(), REQUESTS, labels, 3_000_000)
    for wanted in (WHOLE, EXPONENTIAL, DELTAS):
        (point,) = told(telling, fed.snapshot(), wanted)[DURATION].data.data_points
        (one,) = point.exemplars
        assert (one.value, one.trace_id, one.span_id) == (0.003, (1 << 64) + 2, 3)


def test_deltas_add_up_to_the_whole_and_their_windows_follow_each_other(fed, telling):
    found = []
    for amount in (3, 1, 5):
        for _ in range(amount):
            fed.request()
        found.append(durations(telling, fed))
    assert [count for count, _, _ in found] == [3, 1, 5]
    assert [start for _, start, _ in found] == [telling.began_ns(), found[0][2], found[1][2]]
    assert durations(telling, fed) is None


def test_a_delta_that_did_not_arrive_is_told_with_the_next(fed, telling):
    fed.request()
    told(telling, fed.snapshot(), DELTAS)
    fed.request()
    assert durations(telling, fed)[:2] == (2, telling.began_ns())


def test_another_worker_goes_on_where_the_last_one_was(fed, tmp_path):
    (tmp_path / "fold.lock").touch()
    fed.request()
    _, _, until_ns = durations(Telling(tmp_path, "here"), fed)
    fed.request()
    told(Telling(tmp_path, "here"), fed.snapshot(), DELTAS)  # ends before it arrives
    assert durations(Telling(tmp_path, "here"), fed)[:2] == (1, until_ns)


def test_every_receiver_is_told_of_everything(fed, tmp_path):
    (tmp_path / "fold.lock").touch()
    fed.request()
    both = [durations(Telling(tmp_path, name), fed)[0] for name in ("one", "other")]
    assert both == [1, 1]


def test_what_is_counted_anew_is_told_from_its_beginning(fed, telling):
    fed.request()
    fed.request()
    durations(telling, fed)
    anew = fed.snapshot()
    key = next(key for key in anew.series if key[:2] == (DURATION, "GET"))
    words = anew.series[key]
    words[2:] = [count and 1 for count in words[2:]]
    metric = told(telling, anew, DELTAS)[DURATION]
    assert metric.data.data_points[0].count == 1


def test_a_count_that_begins_anew_begins_a_window(fed, tmp_path):
    lock = tmp_path / "fold.lock"
    lock.touch()
    telling = Telling(tmp_path, "here")
    fed.request()
    durations(telling, fed)
    lock.touch()
    assert durations(telling, fed)[:2] == (1, lock.stat().st_mtime_ns)


def test_a_note_that_cannot_be_read_is_none(fed, tmp_path):
    (tmp_path / "fold.lock").touch()
    (tmp_path / "here.told").write_bytes(b"torn")
    fed.request()
    assert durations(Telling(tmp_path, "here"), fed)[0] == 1


def test_only_the_types_that_are_wanted_are_deltas(fed, telling):
    wanted = Preference(frozenset({HISTOGRAM}))
    fed.meter.count(KEPT, "slow")
    fed.request()
    told(telling, fed.snapshot(), wanted)
    telling.arrived()
    fed.request()
    found = told(telling, fed.snapshot(), wanted)
    assert found[DURATION].data.aggregation_temporality is Temporality.DELTA
    kept = found["inprofile.traces.kept"].data
    assert kept.aggregation_temporality is Temporality.CUMULATIVE
    assert kept.data_points[0].value == 1


@linux
def test_a_workers_cpu_time_is_a_delta_too(telling):
    counted = Snapshot([], {}, [Worker(os.getpid(), 0)])

    def cpu():
        (point,) = told(telling, counted, DELTAS)["inprofile.worker.cpu"].data.data_points
        telling.arrived()
        return point.value

    first, then = cpu(), cpu()
    assert first > 0.1
    assert 0 <= then < first
