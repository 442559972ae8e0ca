"""The group's cells as Prometheus text and OpenMetrics, through prometheus_client."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector as PrometheusCollector

from inprofile.core.buckets import CLASSIC_S, cumulative, layout
from inprofile.core.cells import BUCKETS, SUM, Key
from inprofile.core.metrics import COUNTER, DB, FAMILIES, GAUGE, HISTOGRAM, Family
from inprofile.core.slots import Snapshot

INTERNAL = frozenset({"inprofile.operation"})
"""Families that the report reads and that would be too many series for Prometheus."""

HIDDEN_LABELS = {DB.name: frozenset({"db.query.text"})}


class Collector(PrometheusCollector):
    """Reads the group's cells at each scrape.

    Register it in a registry of your own to have our metrics among yours. ``read`` gives the
    snapshot; without it that of this process's group. Costs 1 ms a thousand series.
    """

    def __init__(self, read: Callable[[], Snapshot]) -> None:
        self.read = read

    def collect(self) -> Iterable[Metric]:
        """Every family with its series, then what is known of processes and ourselves."""
        counted = self.read()
        by_family: dict[str, dict[Key, list[int]]] = defaultdict(dict)
        for key, values in counted.series.items():
            by_family[key[0]][key[1:]] = values
        for family in FAMILIES:
            if family.name not in INTERNAL:
                series = _visible(family, by_family[family.name])
                yield _metric(family, series, counted.bounds)
        yield from _processes(counted)
        yield _skipped(counted)

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not read the cells."""
        return []


def exposition(counted: Snapshot, accept: str) -> tuple[bytes, str]:
    """Body and content type of a scrape, in the format that ``accept`` asks for."""
    registry = CollectorRegistry()
    registry.register(Collector(lambda: counted))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def spelled(name: str) -> str:
    """A semantic convention's name as Prometheus spells it."""
    return name.replace(".", "_")


def _visible(family: Family, series: dict[Key, list[int]]) -> dict[Key, list[int]]:
    """The series without their hidden labels, those that then coincide added up."""
    hidden = HIDDEN_LABELS.get(family.name)
    if not hidden:
        return series
    keep = [i for i, label in enumerate(family.labels) if label not in hidden]
    merged: dict[Key, list[int]] = {}
    for labels, values in series.items():
        key = tuple(labels[i] for i in keep)
        known = merged.get(key)
        merged[key] = [a + b for a, b in zip(known, values, strict=True)] if known else values
    return merged


def _metric(family: Family, series: dict[Key, list[int]], bounds: list[int]) -> Metric:
    hidden = HIDDEN_LABELS.get(family.name, frozenset())
    labels = [spelled(label) for label in family.labels if label not in hidden]
    name = spelled(family.name)
    if family.type == HISTOGRAM:
        exposed = exposed_ns(bounds)
        histogram = HistogramMetricFamily(f"{name}_seconds", family.help, labels=labels)
        for key, values in sorted(series.items()):
            counts = values[BUCKETS:]
            if sum(counts):
                buckets = list(
                    zip(_texts(exposed), cumulative(bounds, counts, exposed), strict=True)
                )
                buckets.append(("+Inf", sum(counts)))
                histogram.add_metric(key, buckets, values[SUM] / 1e9)
        return histogram
    simple = (CounterMetricFamily if family.type == COUNTER else GaugeMetricFamily)(
        name, family.help, labels=labels
    )
    for key, values in sorted(series.items()):
        if values[0] or "_OVERFLOW" not in key:
            simple.add_metric(key, _signed(values[0]) if family.type == GAUGE else values[0])
    return simple


def exposed_ns(bounds: list[int]) -> list[int]:
    """The bounds that are shown: the classic subset, and the user's thresholds.

    The latter are those that neither the classic list nor the exponential layout explains.
    """
    own = set(bounds) - set(layout())
    return sorted({round(bound * 1e9) for bound in CLASSIC_S} | own)


def _texts(bounds_ns: list[int]) -> list[str]:
    return [repr(bound / 1e9) for bound in bounds_ns]


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word


def _processes(counted: Snapshot) -> Iterator[Metric]:
    """What /proc says of each live worker; nothing where there is no /proc."""
    memory = GaugeMetricFamily("process_resident_memory_bytes", "Resident memory.", labels=["pid"])
    cpu = CounterMetricFamily("process_cpu_seconds", "User and system CPU time.", labels=["pid"])
    start = GaugeMetricFamily(
        "process_start_time_seconds", "Start since the epoch, from the claim.", labels=["pid"]
    )
    for worker in counted.workers:
        pid = str(worker.pid)
        start.add_metric([pid], worker.claimed_ns / 1e9)
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks = os.sysconf("SC_CLK_TCK")
        cpu.add_metric([pid], (int(fields[11]) + int(fields[12])) / ticks)
        memory.add_metric([pid], int(fields[21]) * os.sysconf("SC_PAGE_SIZE"))
    yield from (memory, cpu, start)
    yield GaugeMetricFamily("inprofile_workers", "Live workers.", value=len(counted.workers))


def _skipped(counted: Snapshot) -> Metric:
    skipped = GaugeMetricFamily(
        "inprofile_skipped_files", "Cells files that could not be read.", labels=["reason"]
    )
    for reason, count in counted.skipped.items():
        skipped.add_metric([reason], count)
    return skipped
