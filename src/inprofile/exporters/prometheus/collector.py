"""The group's cells as a collector of prometheus_client's, for a registry of the user's own."""

from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    Exemplar,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector as PrometheusCollector

from inprofile.core.metrics import COUNTER
from inprofile.core.slots import Snapshot
from inprofile.exporters.exposed import Exposed, Histogram, Shown, Simple, exposed
from inprofile.exporters.prometheus.spelling import named, spelled


class Collector(PrometheusCollector):
    """Reads the group's cells at each scrape.

    Register it in a registry of your own to have our metrics among yours. ``read`` gives the
    snapshot; ``slo_ms`` are thresholds to show among the classic bounds. Costs ten times what our
    own endpoint does.
    """

    def __init__(self, read: Callable[[], Snapshot], slo_ms: Iterable[float] = ()) -> None:
        self.read = read
        self.slo_ms = tuple(slo_ms)

    def collect(self) -> Iterable[Metric]:
        """Every family with its series, then what is known of workers and ourselves."""
        counted = self.read()
        shown = Shown(counted.bounds, self.slo_ms)
        return (_metric(family, shown) for family in exposed(counted))

    def describe(self) -> Iterable[Metric]:
        """Every family without series: registering must not read the cells.

        From these a registry refuses what clashes with its other collectors, and answers
        ``name[]=``.
        """
        return (_metric(family, Shown([])) for family in exposed(Snapshot([])))


def _metric(family: Exposed, shown: Shown) -> Metric:
    return _simple(family) if isinstance(family, Simple) else _histogram(family, shown)


def _simple(family: Simple) -> Metric:
    kind = CounterMetricFamily if family.type == COUNTER else GaugeMetricFamily
    metric = kind(named(family), family.help, labels=[*map(spelled, family.labels)])
    for key, number in family.series:
        metric.add_metric(key, number)
    return metric


def _histogram(family: Histogram, shown: Shown) -> Metric:
    labels = [*map(spelled, family.labels)]
    metric = HistogramMetricFamily(named(family), family.help, labels=labels)
    bounds = [*map(repr, shown.seconds), "+Inf"]
    for each in family.series:
        latest = {
            at: Exemplar({"trace_id": one.trace_id}, one.value_ns / 1e9, one.at_ns / 1e9)
            for at, one in shown.latest(each.exemplars).items()
        }
        counts = zip(bounds, shown.cumulative(each.counts), strict=True)
        buckets: list[Any] = [(*of, latest.get(at)) for at, of in enumerate(counts)]
        metric.add_metric(each.key, buckets, each.seconds)
    return metric
