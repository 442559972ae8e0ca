"""The protobuf format, read by Google's own decoder."""

import math
from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st

from inprofile.core import metrics
from inprofile.core.exemplars import noted
from tests.exporters.client_model import decoded, samples
from tests.exporters.exposed import families
from tests.exporters.sources import Fed
from tests.exporters.test_accept import PROTO

REQUESTS = "http_server_request_duration_seconds"


def scraped(fed):
    return {family.name: family for family in decoded(fed.scrape(PROTO))}


def requests(fed):
    (metric,) = scraped(fed)[REQUESTS].metric
    return metric.histogram


def native(histogram):
    """Prometheus' buckets of a native histogram: index to count."""
    found, index, counts = {}, 0, accumulate(histogram.positive_delta)
    for span in histogram.positive_span:
        index += span.offset
        for _ in range(span.length):
            found[index] = next(counts)
            index += 1
    assert list(counts) == []
    return found


def test_it_has_what_the_text_has(fed):
    fed.request(3_000_000)
    fed.job("mail")
    fed.meter.count(metrics.KEPT, 'sl"ow\n')
    theirs = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families(fed.scrape("text/plain")).values()
        for sample in family.samples
        if "worker" not in sample.name
    }
    ours = {
        key: number
        for key, (_, number) in samples(fed.scrape(PROTO)).items()
        if "worker" not in key[0]
    }
    assert ours == theirs


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 100_000_000_000), min_size=1, max_size=40))
def test_every_native_bucket_holds_what_is_between_its_bounds(durations_ns):
    fed = Fed()
    for length_ns in durations_ns:
        fed.request(length_ns)
    histogram = requests(fed)
    fed.close()
    found, base = native(histogram), 2**2**-histogram.schema
    zero_ns = math.floor(histogram.zero_threshold * 1e9)
    assert histogram.zero_count == sum(ns <= zero_ns for ns in durations_ns)
    for index, count in found.items():
        low, high = (math.floor(base**edge * 1e9 + 1e-6) for edge in (index - 1, index))
        assert count == sum(low < ns <= high for ns in durations_ns if ns > zero_ns)
    assert histogram.zero_count + sum(found.values()) == histogram.sample_count


def test_durations_of_all_lengths_fit_in_a_hundred_and_sixty_buckets(fed):
    for step in range(200):
        fed.request(round(2 ** (step / 8) * 10_000))
    histogram = requests(fed)
    assert histogram.schema == 2
    assert len(histogram.positive_delta) <= 160
    assert sum(native(histogram).values()) + histogram.zero_count == 200


def test_a_histogram_of_nothing_but_the_shortest_is_native_all_the_same(fed):
    fed.request(1)
    histogram = requests(fed)
    assert (histogram.zero_count, list(histogram.positive_delta)) == (1, [])
    assert [(span.offset, span.length) for span in histogram.positive_span] == [(0, 0)]


def test_an_exemplar_is_that_of_its_bucket_and_of_the_whole(fed):
    trace = fed.recorder.begin("http", "GET", "https")
    trace.route, trace.status = "/orders/{id}", 200
    fed.clock.advance(30_000_000)
    fed.recorder.keep = lambda kept: noted(fed.cells, kept, "7".zfill(32), "9".zfill(16))
    fed.recorder.sample_rate = 1.0
    fed.recorder.finish(trace)
    histogram = requests(fed)
    (bucket,) = [each for each in histogram.bucket if each.HasField("exemplar")]
    (one,) = histogram.exemplars
    assert bucket.upper_bound == 0.035
    assert bucket.exemplar == one
    assert [(pair.name, pair.value) for pair in one.label] == [("trace_id", "0" * 31 + "7")]
    assert one.value == 0.03
    assert one.timestamp.seconds > 1_700_000_000
