"""Prometheus' messages for Google's own decoder, as far as we write them.

By https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto
"""

import math
from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

PACKAGE = "io.prometheus.client"
COUNTER, GAUGE, HISTOGRAM = 0, 1, 4
MESSAGES = """
Timestamp: int64 seconds 1, int32 nanos 2
LabelPair: string name 1, string value 2
Gauge: double value 1
Exemplar: *LabelPair label 1, double value 2, Timestamp timestamp 3
Counter: double value 1, Exemplar exemplar 2
Bucket: uint64 cumulative_count 1, double upper_bound 2, Exemplar exemplar 3
BucketSpan: sint32 offset 1, uint32 length 2
Histogram: uint64 sample_count 1, double sample_sum 2, *Bucket bucket 3, sint32 schema 5, \
double zero_threshold 6, uint64 zero_count 7, *BucketSpan positive_span 12, \
*sint64 positive_delta 13, *Exemplar exemplars 16
Metric: *LabelPair label 1, Gauge gauge 2, Counter counter 3, Histogram histogram 7
MetricFamily: string name 1, string help 2, int32 type 3, *Metric metric 4, string unit 5
"""


def _family() -> Any:
    file = FileDescriptorProto(name="metrics.proto", package=PACKAGE, syntax="proto2")
    for line in MESSAGES.strip().split("\n"):
        name, _, described = line.partition(": ")
        message = file.message_type.add(name=name)
        for text in described.split(", "):
            kind, field, number = text.split()
            repeated = kind.startswith("*")
            added = message.field.add(name=field, number=int(number))
            added.label = FieldDescriptorProto.Label.Value(
                "LABEL_REPEATED" if repeated else "LABEL_OPTIONAL"
            )
            kind = kind.removeprefix("*")
            if kind[0].isupper():
                added.type, added.type_name = (
                    FieldDescriptorProto.TYPE_MESSAGE,
                    f".{PACKAGE}.{kind}",
                )
            else:
                added.type = FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.MetricFamily"))


FAMILY = _family()


def decoded(body: bytes) -> Iterator[Any]:
    """The families of a scrape. Raises DecodeError; a field that is not known is an error too."""
    at = 0
    while at < len(body):
        length = shift = 0
        while body[at] > 127:
            length |= (body[at] & 127) << shift
            at, shift = at + 1, shift + 7
        length |= body[at] << shift
        at += 1
        family = FAMILY.FromString(body[at : at + length])
        assert len(family.SerializeToString()) == length, f"more in {family.name} than is known"
        yield family
        at += length


def samples(body: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], tuple[int, float]]:
    """Every sample as the text formats have it: name and labels, then type and number."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], tuple[int, float]] = {}
    for family in decoded(body):
        for metric in family.metric:
            labels = frozenset((pair.name, pair.value) for pair in metric.label)
            for name, more, number in _numbers(family, metric):
                found[name, labels | more] = family.type, number
    return found


def _numbers(family: Any, metric: Any) -> Iterator[tuple[str, frozenset[tuple[str, str]], float]]:
    none: frozenset[tuple[str, str]] = frozenset()
    if family.type != HISTOGRAM:
        yield family.name, none, (metric.counter if family.type == COUNTER else metric.gauge).value
        return
    yield f"{family.name}_count", none, metric.histogram.sample_count
    yield f"{family.name}_sum", none, metric.histogram.sample_sum
    for bucket in metric.histogram.bucket:
        le = "+Inf" if bucket.upper_bound == math.inf else repr(bucket.upper_bound)
        yield f"{family.name}_bucket", frozenset({("le", le)}), bucket.cumulative_count
