"""What of a snapshot is exposed, in any format: its families with their labels and units."""

import os
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from inprofile.core.buckets import CLASSIC_S, layout
from inprofile.core.cells import BUCKETS, LARGEST, SUM, Key
from inprofile.core.exemplars import Exemplar, found, newer
from inprofile.core.metrics import (
    COUNTER,
    DB,
    EXEMPLARS,
    EXEMPLARS_OF,
    FAMILIES,
    GAUGE,
    GAUGES,
    HISTOGRAM,
    OPERATION,
    OWN,
    RATIO,
    RATIO_PARTS,
    TOTAL,
    Family,
)
from inprofile.core.model import OVERFLOW
from inprofile.core.slots import Snapshot, Worker

SECONDS, BYTES, RATIO_UNIT, NUMBER = "s", "By", "1", ""
"""Units, as https://ucum.org/ucum writes them; the last is a number of something."""

UNITS = {TOTAL: SECONDS, RATIO: RATIO_UNIT}

INTERNAL = frozenset({OPERATION.name})
"""Families that the report reads and that would be too many series for anybody else."""

HIDDEN_LABELS = {DB.name: frozenset({"db.query.text"})}


class Simple(NamedTuple):
    """A counter or a gauge: label names, then label values and number of each series."""

    name: str
    unit: str
    type: str
    help: str
    labels: tuple[str, ...]
    series: Sequence[tuple[Key, float]]


class Durations(NamedTuple):
    """One series of a histogram: its label values, seconds in all, and how many in each bucket."""

    key: Key
    seconds: float
    counts: Sequence[int]
    largest_ns: int = 0
    exemplars: Sequence[Exemplar] = ()


class Histogram(NamedTuple):
    """A histogram of seconds."""

    name: str
    help: str
    labels: tuple[str, ...]
    series: Sequence[Durations]
    unit: str = SECONDS
    type: str = HISTOGRAM


Exposed = Simple | Histogram
Together = Callable[[Sequence[int], Sequence[int]], list[int]]


class Shown:
    """The bounds that are shown of those that are counted: the classic ones and the thresholds.

    Other workers' thresholds are the bounds that nothing else explains.
    """

    def __init__(self, bounds: Sequence[int], slo_ms: Iterable[float] = ()) -> None:
        self.counted_ns = bounds
        counted = set(bounds)
        wanted = {round(bound * 1e9) for bound in CLASSIC_S} | {round(ms * 1e6) for ms in slo_ms}
        self.bounds_ns = sorted((wanted | counted - set(layout())) & counted)
        self.seconds = [bound / 1e9 for bound in self.bounds_ns]
        self._at = itemgetter(*(bisect_left(bounds, bound) for bound in self.bounds_ns), -1)

    def cumulative(self, counts: Sequence[int]) -> tuple[int, ...]:
        """How many are at or below each of them, and last how many there are."""
        at: tuple[int, ...] = self._at(list(accumulate(counts)))
        return at

    def latest(self, exemplars: Iterable[Exemplar]) -> dict[int, Exemplar]:
        """The latest exemplar of each of their buckets that has one, by its number."""
        by_age = sorted(exemplars, key=lambda one: one.at_ns)
        return {bisect_left(self.bounds_ns, one.value_ns): one for one in by_age}


def exposed(counted: Snapshot) -> Iterator[Exposed]:
    """Every family with its series, then what is known of workers and ourselves."""
    by_family: dict[str, dict[Key, list[int]]] = defaultdict(dict)
    for key, values in counted.series.items():
        by_family[key[0]][key[1:]] = values
    for family in FAMILIES:
        if family.name not in INTERNAL and family.type != EXEMPLARS:
            visible = _visible(family, by_family[family.name])
            if family.type == HISTOGRAM:
                yield _histogram(family, visible, _exemplars(family, by_family))
            else:
                yield _simple(family, visible)
    yield from _processes(counted.workers)
    yield Simple(
        "inprofile.skipped_files",
        NUMBER,
        GAUGE,
        "Cells files that could not be read.",
        ("reason",),
        [((reason,), count) for reason, count in sorted(counted.skipped.items())],
    )


def added(words: Sequence[int], others: Sequence[int]) -> list[int]:
    """Word by word."""
    return [a + b for a, b in zip(words, others, strict=True)]


def _visible(
    family: Family, series: dict[Key, list[int]], together: Together = added
) -> dict[Key, list[int]]:
    """The series without their hidden labels, those that then coincide put together."""
    hidden = HIDDEN_LABELS.get(family.name, frozenset())
    keep = [i for i, label in enumerate(family.labels) if label not in hidden]
    merged: dict[Key, list[int]] = {}
    for labels, values in series.items():
        key = tuple([_encodable(labels[i]) for i in keep])
        known = merged.get(key)
        merged[key] = together(known, values) if known else values
    return merged


def _encodable(value: str) -> str:
    """What UTF-8 takes: no lone surrogates, which a file's or a host's name may hold."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _exemplars(family: Family, by_family: dict[str, dict[Key, list[int]]]) -> dict[Key, list[int]]:
    """The words of the exemplars of a family's visible series."""
    own = EXEMPLARS_OF.get(family.name)
    return {} if own is None else _visible(family, by_family[own.name], newer)


def _labels(family: Family) -> tuple[str, ...]:
    hidden = HIDDEN_LABELS.get(family.name, frozenset())
    return tuple(label for label in family.labels if label not in hidden)


def _histogram(
    family: Family, series: dict[Key, list[int]], exemplars: dict[Key, list[int]]
) -> Histogram:
    """With the series in which there is anything."""
    shown = [
        Durations(
            key,
            words[SUM] / 1e9,
            words[BUCKETS:],
            words[LARGEST],
            tuple(found(exemplars.get(key, ()))),
        )
        for key, words in sorted(series.items())
        if any(words[BUCKETS:])
    ]
    return Histogram(family.name, family.help, _labels(family), shown)


def _simple(family: Family, series: dict[Key, list[int]]) -> Simple:
    shown = [
        (key, _number(family, words[0]))
        for key, words in sorted(series.items())
        if words[0] or OVERFLOW not in key
    ]
    kind = GAUGE if family.type in GAUGES and family.type != OWN else COUNTER
    unit = UNITS.get(family.type, NUMBER)
    return Simple(family.name, unit, kind, family.help, _labels(family), shown)


def _number(family: Family, word: int) -> float:
    if family.type == TOTAL:
        return word / 1e9
    if family.type == RATIO:
        return word / RATIO_PARTS
    return word - (1 << 64) if family.type == GAUGE and word >> 63 else word


def _processes(workers: list[Worker]) -> Iterator[Simple]:
    """What /proc says of each live worker; nothing where there is no /proc.

    Not called ``process_...``: those say what they say of one process, and prometheus_client's
    own collector has them in the same registry.
    """
    memory: list[tuple[Key, float]] = []
    cpu: list[tuple[Key, float]] = []
    for worker in workers:
        pid = str(worker.pid)
        try:
            # Bytes: a process may call itself anything, or be cut off inside of a character.
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        ticks = os.sysconf("SC_CLK_TCK")
        cpu.append(((pid,), (int(fields[11]) + int(fields[12])) / ticks))
        memory.append(((pid,), int(fields[21]) * os.sysconf("SC_PAGE_SIZE")))
    start: list[tuple[Key, float]] = [((str(one.pid),), one.claimed_ns / 1e9) for one in workers]
    of, name = ("pid",), "inprofile.worker."
    about = "When a worker began to count, since the epoch."
    yield Simple(f"{name}resident_memory", BYTES, GAUGE, "Resident memory of a worker.", of, memory)
    yield Simple(f"{name}cpu", SECONDS, COUNTER, "User and system CPU time of a worker.", of, cpu)
    yield Simple(f"{name}start_time", SECONDS, GAUGE, about, of, start)
    yield Simple("inprofile.workers", NUMBER, GAUGE, "Live workers.", (), [((), len(workers))])
