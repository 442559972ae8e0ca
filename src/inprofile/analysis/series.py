"""A snapshot's series of one family, grouped by what a table has as its rows."""

from collections import defaultdict
from collections.abc import Collection, Iterator

from inprofile.core.cells import COUNT, Key
from inprofile.core.metrics import HISTOGRAM, TOTAL, Family
from inprofile.core.slots import Snapshot

Words = list[int]


def series(counted: Snapshot, family: Family) -> Iterator[tuple[Key, Words]]:
    """Label values and data words of every series in which something was counted."""
    for key, words in counted.series.items():
        if key[0] == family.name and observations(family, words):
            yield key[1:], words


def observations(family: Family, words: Words) -> int:
    """How many observations a series holds; for counters and gauges their value."""
    if family.type == HISTOGRAM:
        return sum(words[COUNT:])
    return words[COUNT] if family.type == TOTAL else words[0]


def grouped(counted: Snapshot, family: Family, *labels: str) -> dict[Key, list[tuple[Key, Words]]]:
    """Every series of ``family`` under its values of ``labels``, in that order."""
    positions = [family.labels.index(label) for label in labels]
    groups: dict[Key, list[tuple[Key, Words]]] = defaultdict(list)
    for values, words in series(counted, family):
        groups[tuple(values[i] for i in positions)].append((values, words))
    return groups


def within(
    counted: Snapshot, family: Family, routes: Collection[str]
) -> Iterator[tuple[Key, Words]]:
    """The series of ``family`` that belong to ``routes``."""
    route = family.labels.index("http.route")
    return ((values, words) for values, words in series(counted, family) if values[route] in routes)
