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
from inprofile.core.metrics import (
    COUNTER,
    DB,
    FAMILIES,
    GAUGE,
    HISTOGRAM,
    OPERATION,
    RATIO,
    RATIO_PARTS,
    TOTAL,
    Family,
)
from inprofile.core.slots import Snapshot, Worker

INTERNAL = frozenset({OPERATION.name})
"""Families that the report reads and that would be too many series for Prometheus."""

HIDDEN_LABELS = {DB.name: frozenset({"db.query.text"})}


class Collector(PrometheusCollector):
    """Reads the group's cells at each scrape.

    Register it in a registry of your own to have our metrics among yours. ``read`` gives the
    snapshot; ``slo_ms`` are thresholds to show among the classic bounds. Costs 1 ms a thousand
    series.
    """

    def __init__(self, read: Callable[[], Snapshot], slo_ms: Iterable[float] = ()) -> None:
        self.read = read
        self.slo_ns = frozenset(round(ms * 1e6) for ms in slo_ms)

    def collect(self) -> Iterable[Metric]:
        """Every family with its series, then what is known of workers and ourselves."""
        return _families(self.read(), self.slo_ns)

    def describe(self) -> Iterable[Metric]:
        """Every family without series: registering must not read the cells.

        From these a registry refuses what clashes with its other collectors, and answers
        ``name[]=``.
        """
        return _families(Snapshot([]), frozenset())


def exposition(counted: Snapshot, accept: str, slo_ms: Iterable[float] = ()) -> tuple[bytes, str]:
    """Body and content type of a scrape, in the format that ``accept`` asks for."""
    registry = CollectorRegistry()
    registry.register(Collector(lambda: counted, slo_ms))
    encode, content_type = _encoder(accept)
    return encode(registry), content_type


def spelled(name: str) -> str:
    """A semantic convention's name as Prometheus spells it."""
    return name.replace(".", "_")


def _encoder(accept: str) -> tuple[Callable[[CollectorRegistry], bytes], str]:
    try:
        return choose_encoder(accept)
    except (TypeError, ValueError):  # a version that is no version
        return choose_encoder("")


def _families(counted: Snapshot, slo_ns: frozenset[int]) -> Iterator[Metric]:
    exposed = exposed_ns(counted.bounds, slo_ns)
    by_family: dict[str, dict[Key, list[int]]] = defaultdict(dict)
    for key, values in counted.series.items():
        by_family[key[0]][key[1:]] = values
    for family in FAMILIES:
        if family.name not in INTERNAL:
            series = _visible(family, by_family[family.name])
            yield _metric(family, series, counted.bounds, exposed)
    yield from _processes(counted.workers)
    yield _skipped(counted)


def _visible(family: Family, series: dict[Key, list[int]]) -> dict[Key, list[int]]:
    """The series without their hidden labels, those that then coincide added up."""
    hidden = HIDDEN_LABELS.get(family.name, frozenset())
    keep = [i for i, label in enumerate(family.labels) if label not in hidden]
    merged: dict[Key, list[int]] = {}
    for labels, values in series.items():
        key = tuple(_encodable(labels[i]) for i in keep)
        known = merged.get(key)
        merged[key] = [a + b for a, b in zip(known, values, strict=True)] if known else values
    return merged


def _encodable(value: str) -> str:
    """What UTF-8 takes: no lone surrogates, which a file's or a host's name may hold."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _metric(
    family: Family, series: dict[Key, list[int]], bounds: list[int], exposed: list[int]
) -> Metric:
    hidden = HIDDEN_LABELS.get(family.name, frozenset())
    labels = [spelled(label) for label in family.labels if label not in hidden]
    name = spelled(family.name)
    if family.type == HISTOGRAM:
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
    simple: CounterMetricFamily | GaugeMetricFamily
    if family.type == TOTAL:
        simple = CounterMetricFamily(f"{name}_seconds", family.help, labels=labels)
    elif family.type == COUNTER:
        simple = CounterMetricFamily(name, family.help, labels=labels)
    else:
        simple = GaugeMetricFamily(name, family.help, labels=labels)
    for key, values in sorted(series.items()):
        if values[0] or "_OVERFLOW" not in key:
            simple.add_metric(key, _shown(family, values[0]))
    return simple


def _shown(family: Family, word: int) -> float:
    if family.type == TOTAL:
        return word / 1e9
    if family.type == RATIO:
        return word / RATIO_PARTS
    return _signed(word) if family.type == GAUGE else word


def exposed_ns(bounds: Iterable[int], slo_ns: frozenset[int]) -> list[int]:
    """The bounds that are shown: the classic subset, and the thresholds of all workers.

    Other workers' thresholds are the bounds that nothing else explains.
    """
    counted = set(bounds)
    wanted = {round(bound * 1e9) for bound in CLASSIC_S} | slo_ns | (counted - set(layout()))
    return sorted(wanted & counted)


def _texts(bounds_ns: list[int]) -> list[str]:
    return [repr(bound / 1e9) for bound in bounds_ns]


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word


def _processes(workers: list[Worker]) -> Iterator[Metric]:
    """What /proc says of each live worker; nothing where there is no /proc.

    Not called ``process_...``: those say what they say of one process, and prometheus_client's
    own collector has them in the same registry.
    """
    memory = GaugeMetricFamily(
        "inprofile_worker_resident_memory_bytes", "Resident memory of a worker.", labels=["pid"]
    )
    cpu = CounterMetricFamily(
        "inprofile_worker_cpu_seconds", "User and system CPU time of a worker.", labels=["pid"]
    )
    start = GaugeMetricFamily(
        "inprofile_worker_start_time_seconds",
        "When a worker began to count, since the epoch.",
        labels=["pid"],
    )
    for worker in workers:
        pid = str(worker.pid)
        start.add_metric([pid], worker.claimed_ns / 1e9)
        try:
            # Bytes: a process may call itself anything, or be cut off inside of a character.
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        ticks = os.sysconf("SC_CLK_TCK")
        cpu.add_metric([pid], (int(fields[11]) + int(fields[12])) / ticks)
        memory.add_metric([pid], int(fields[21]) * os.sysconf("SC_PAGE_SIZE"))
    yield from (memory, cpu, start)
    yield GaugeMetricFamily("inprofile_workers", "Live workers.", value=len(workers))


def _skipped(counted: Snapshot) -> Metric:
    skipped = GaugeMetricFamily(
        "inprofile_skipped_files", "Cells files that could not be read.", labels=["reason"]
    )
    for reason, count in sorted(counted.skipped.items()):
        skipped.add_metric([reason], count)
    return skipped
