"""Prometheus' protobuf format, with each histogram both classic and native.

https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto; native
histograms: https://prometheus.io/docs/specs/native_histograms/. It is written out here, as the
messages are few and a scrape of thousands of histograms is made of their numbers.
"""

import math
import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from inprofile.core.cells import Key
from inprofile.core.exemplars import Exemplar
from inprofile.core.metrics import COUNTER, GAUGE, HISTOGRAM
from inprofile.exporters.exponential import Exponential, Rebinning
from inprofile.exporters.exposed import Durations, Exposed, Histogram, Shown, Simple
from inprofile.exporters.prometheus.spelling import sampled, spelled

CONTENT_TYPE = (
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)

TYPES = {COUNTER: 0, GAUGE: 1, HISTOGRAM: 4}

MAX_BUCKETS = 160
"""Of a native histogram; of more, two become one. Prometheus can be told to refuse more."""

UPPER_BYTES = 9
"""Of the bound of a bucket."""

GAP = 2
"""Empty buckets between two others that are cheaper to say than a new span is."""


def encoded(families: Iterable[Exposed], shown: Shown) -> Iterator[bytes]:
    """The exposition, family by family: a reader must know the length of each beforehand."""
    for family in families:
        body = b"".join(_family(family, shown))
        yield _varint(len(body)) + body


def _family(family: Exposed, shown: Shown) -> Iterator[bytes]:
    yield _text(1, sampled(family))
    yield _text(2, family.help)
    yield _number(3, TYPES[family.type])
    metrics = _simple(family) if isinstance(family, Simple) else _histogram(family, shown)
    for metric in metrics:
        yield _bytes(4, metric)


def _simple(family: Simple) -> Iterator[bytes]:
    field = 3 if family.type == COUNTER else 2
    labels = _Labels(family.labels)
    for key, value in family.series:
        yield labels(key) + _bytes(field, _double(1, value))


def _histogram(family: Histogram, shown: Shown) -> Iterator[bytes]:
    rebinned, labels = Rebinning(shown.counted_ns), _Labels(family.labels)
    uppers = [_double(2, bound) for bound in (*shown.seconds, math.inf)]
    for each in family.series:
        exemplars = [_exemplar(one) for one in each.exemplars]
        classic = _classic(each, shown, uppers)
        native = _native(rebinned(each.counts).within(MAX_BUCKETS))
        native += b"".join([_bytes(16, one) for one in exemplars])
        yield labels(each.key) + _bytes(7, classic + native)


def _classic(series: Durations, shown: Shown, uppers: Sequence[bytes]) -> bytes:
    """The sum, and for each bound a bucket: what they are made of is short and often the same."""
    cumulative = shown.cumulative(series.counts)
    parts = [_number(1, cumulative[-1]), _double(2, series.seconds)]
    known, begin = -1, b""
    for count, upper in zip(cumulative, uppers, strict=True):
        if count != known:
            known, begin = count, _bucket(count)
        parts += (begin, upper)
    for at, one in shown.latest(series.exemplars).items():
        exemplar = _bytes(3, _exemplar(one))
        parts[2 + 2 * at] = _bucket(cumulative[at], len(exemplar))
        parts[3 + 2 * at] += exemplar
    return b"".join(parts)


def _bucket(count: int, more: int = 0) -> bytes:
    """A bucket as far as its upper bound, after which come so many bytes more."""
    field = _number(1, count)
    return _BUCKET + _varint(len(field) + UPPER_BYTES + more) + field


def _native(found: Exponential) -> bytes:
    """Prometheus counts buckets from 1 where OpenTelemetry does from 0."""
    parts = [_number(5, _zigzag(found.scale)), _double(6, found.zero_s)]
    parts.append(_number(7, found.zero_count))
    runs = list(_runs(found.counts))
    end = 0
    for start, counts in runs:
        gap = start - end if end else found.offset + 1 + start
        parts.append(_bytes(12, _number(1, _zigzag(gap)) + _number(2, len(counts))))
        end = start + len(counts)
    if not runs:
        parts.append(_bytes(12, _number(1, 0) + _number(2, 0)))  # which says that it is native
    between = [count for _, counts in runs for count in counts]
    parts += [_delta(count - before) for before, count in pairwise([0, *between])]
    return b"".join(parts)


def _runs(counts: Sequence[int]) -> Iterator[tuple[int, Sequence[int]]]:
    """Where there is something, with gaps of at most GAP buckets in it; none is empty."""
    filled = [i for i, count in enumerate(counts) if count]
    if not filled:
        return
    start = filled[0]
    for before, at in pairwise(filled):
        if at - before > GAP + 1:
            yield start, counts[start : before + 1]
            start = at
    yield start, counts[start : filled[-1] + 1]


class _Labels:
    """The labels of a family's series; those of one are for the most part those of others."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = [_text(1, spelled(name)) for name in names]
        self._pairs: list[dict[str, bytes]] = [{} for _ in names]

    def __call__(self, values: Key) -> bytes:
        found = []
        for name, pairs, value in zip(self._names, self._pairs, values, strict=True):
            pair = pairs.get(value)
            if pair is None:
                pair = pairs[value] = _bytes(1, name + _text(2, value))
            found.append(pair)
        return b"".join(found)


def _exemplar(one: Exemplar) -> bytes:
    label = _bytes(1, _text(1, "trace_id") + _text(2, one.trace_id))
    seconds, nanos = divmod(one.at_ns, 1_000_000_000)
    return (
        label + _double(2, one.value_ns / 1e9) + _bytes(3, _number(1, seconds) + _number(2, nanos))
    )


# Fields, by https://protobuf.dev/programming-guides/encoding/


def _varint(value: int) -> bytes:
    if value < 128:  # noqa: PLR2004 - one byte
        return _BYTE[value]
    if value < 16384:  # noqa: PLR2004 - two bytes
        return bytes((value & 127 | 128, value >> 7))
    found = bytearray()
    while value > 127:  # noqa: PLR2004 - seven bits of it
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


_BYTE = [bytes([i]) for i in range(128)]


def _delta(value: int) -> bytes:
    """A difference between buckets: the field of which there are most."""
    try:
        return _DELTAS[value]
    except KeyError:
        return _number(13, _zigzag(value))


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _number(field: int, value: int) -> bytes:
    return _BYTE[field << 3] + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _BYTE[field << 3 | 1] + _DOUBLE(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


_DOUBLE = struct.Struct("<d").pack
_BUCKET = _BYTE[3 << 3 | 2]
_DELTAS = {value: _number(13, _zigzag(value)) for value in range(-512, 513)}
