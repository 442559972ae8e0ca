"""The group's cells as OpenTelemetry's metrics: what an exporter of its SDK takes.

https://opentelemetry.io/docs/specs/otel/metrics/data-model/
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from opentelemetry.sdk.metrics import Counter
from opentelemetry.sdk.metrics import Exemplar as OtelExemplar
from opentelemetry.sdk.metrics import Histogram as HistogramInstrument
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Buckets,
    DataT,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    NumberDataPoint,
    Sum,
)
from opentelemetry.sdk.metrics.export import Histogram as OtelHistogram
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation

from inprofile.core.cells import Key
from inprofile.core.exemplars import Exemplar
from inprofile.core.metrics import COUNTER, GAUGE, HISTOGRAM
from inprofile.exporters.exponential import Rebinning
from inprofile.exporters.exposed import Durations, Exposed, Histogram, Shown, Simple

STATUS = "http.response.status_code"
"""The one attribute that is a number."""

UP_AND_DOWN = ("http.", "db.")
"""The semantic conventions have no gauges: what goes up and down there is a sum that does."""

MAX_BUCKETS = 160

NOT_TOLD: Any = None
"""What a delta's largest and any smallest is: nobody keeps it."""


class Preference(NamedTuple):
    """How a receiver wants it: the types of which it takes deltas, and which histograms."""

    deltas: frozenset[str] = frozenset()
    is_exponential: bool = False


def preference(exporter: MetricExporter) -> Preference:
    """What an exporter prefers of what its environment variables or its maker let it choose.

    It says so in two attributes that are there for the SDK's reader alone: there is no other way.
    """
    temporality = getattr(exporter, "_preferred_temporality", None) or {}
    aggregation = getattr(exporter, "_preferred_aggregation", None) or {}
    types = {COUNTER: Counter, HISTOGRAM: HistogramInstrument}
    delta = AggregationTemporality.DELTA
    return Preference(
        frozenset(name for name, of in types.items() if temporality.get(of) is delta),
        isinstance(aggregation.get(HistogramInstrument), ExponentialBucketHistogramAggregation),
    )


class Window(NamedTuple):
    """Of which time numbers are told, in nanoseconds since the epoch.

    With ``is_delta`` they are what came in it alone, else it begins with the group.
    """

    start_ns: int
    end_ns: int
    is_delta: bool = False

    @property
    def temporality(self) -> AggregationTemporality:
        """The same in OpenTelemetry's words."""
        kinds = AggregationTemporality
        return kinds.DELTA if self.is_delta else kinds.CUMULATIVE


def metrics(
    families: Iterable[Exposed],
    shown: Shown,
    windows: Mapping[str, Window],
    *,
    is_exponential: bool,
) -> Iterator[Metric]:
    """The families in which there is anything.

    Those of a type of which is told in its window; histograms exponential or with bounds.
    """
    rebinned = Rebinning(shown.counted_ns) if is_exponential else None
    for family in families:
        if family.series:
            window = windows[family.type]
            if isinstance(family, Simple):
                data = _simple(family, window)
            elif rebinned is not None:
                data = _exponential(family, rebinned, window)
            else:
                data = _explicit(family, shown, window)
            yield Metric(family.name, family.help, family.unit, data)


def _simple(family: Simple, window: Window) -> DataT:
    points = [
        NumberDataPoint(_attributes(family, key), window.start_ns, window.end_ns, number)
        for key, number in family.series
    ]
    if family.type != GAUGE:
        return Sum(points, window.temporality, is_monotonic=True)
    if family.name.startswith(UP_AND_DOWN):
        return Sum(points, window.temporality, is_monotonic=False)
    return Gauge(points)


def _explicit(family: Histogram, shown: Shown, window: Window) -> DataT:
    points = []
    for each in family.series:
        cumulative = shown.cumulative(each.counts)
        point = HistogramDataPoint(
            attributes=_attributes(family, each.key),
            start_time_unix_nano=window.start_ns,
            time_unix_nano=window.end_ns,
            count=cumulative[-1],
            sum=each.seconds,
            bucket_counts=[b - a for a, b in pairwise((0, *cumulative))],
            explicit_bounds=shown.seconds,
            min=NOT_TOLD,
            max=_largest(each, window),
            exemplars=_exemplars(each.exemplars, window),
        )
        points.append(point)
    return OtelHistogram(points, window.temporality)


def _exponential(family: Histogram, rebinned: Rebinning, window: Window) -> DataT:
    points = []
    for each in family.series:
        found = rebinned(each.counts).within(MAX_BUCKETS)
        point = ExponentialHistogramDataPoint(
            attributes=_attributes(family, each.key),
            start_time_unix_nano=window.start_ns,
            time_unix_nano=window.end_ns,
            count=found.zero_count + sum(found.counts),
            sum=each.seconds,
            scale=found.scale,
            zero_count=found.zero_count,
            positive=Buckets(found.offset, found.counts),
            negative=Buckets(0, []),
            flags=0,
            min=NOT_TOLD,
            max=_largest(each, window),
            exemplars=_exemplars(each.exemplars, window),
        )
        points.append(point)
    return ExponentialHistogram(points, window.temporality)


def _attributes(family: Exposed, key: Key) -> dict[str, str | int]:
    """Labels with a value; what is not there is left out."""
    pairs = zip(family.labels, key, strict=True)
    return {
        name: int(value) if name == STATUS and value.isdecimal() else value
        for name, value in pairs
        if value
    }


def _largest(series: Durations, window: Window) -> float:
    return NOT_TOLD if window.is_delta else series.largest_ns / 1e9


def _exemplars(exemplars: Iterable[Exemplar], window: Window) -> list[OtelExemplar]:
    """Those of the window."""
    return [
        OtelExemplar({}, one.value_ns / 1e9, one.at_ns, int(one.span_id, 16), int(one.trace_id, 16))
        for one in exemplars
        if one.at_ns >= window.start_ns
    ]
