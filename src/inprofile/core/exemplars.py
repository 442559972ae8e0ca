"""Exemplars: for each bucket of a histogram, the latest kept trace whose duration fell into it.

They are cells like others, so every worker can tell of those of all. A slot is written by one
thread and read by other processes at any time: what is being written is told by its two ends.
"""

import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from inprofile.core.buckets import CLASSIC_S
from inprofile.core.cells import SLOT, SLOTS, Cells, Key
from inprofile.core.metrics import EXEMPLARS_OF, Family

BOUNDS_NS = tuple(round(bound * 1e9) for bound in CLASSIC_S)
HALF = 1 << 64


class Exemplar(NamedTuple):
    """One observation: its trace, its length, and when it was made, since the epoch."""

    trace_id: str
    value_ns: int
    at_ns: int


def note(cells: Cells, family: Family, labels: Key, trace_id: str, value_ns: int) -> None:
    """Remember an observation of a histogram's series. Costs 3 microseconds."""
    with cells.lock:
        offset = cells.offset(EXEMPLARS_OF[family.name], labels)
        at = offset + SLOT * bisect_left(BOUNDS_NS, value_ns)
        words, now_ns, number = cells.words, time.time_ns(), int(trace_id, 16)
        words[at] = 0
        words[at + 1] = number // HALF
        words[at + 2] = number % HALF
        words[at + 3] = value_ns
        words[at + 4] = words[at] = now_ns


def found(words: Sequence[int]) -> Iterator[Exemplar]:
    """The exemplars of a series, by length."""
    for at in range(0, len(words), SLOT):
        at_ns, high, low, value_ns, until_ns = words[at : at + SLOT]
        if at_ns and at_ns == until_ns:
            yield Exemplar(f"{high * HALF + low:032x}", value_ns, at_ns)


def newer(words: Sequence[int], others: Sequence[int]) -> list[int]:
    """Of each slot the newer one."""
    result: list[int] = []
    for at in range(0, SLOTS * SLOT, SLOT):
        best = max(words[at : at + SLOT], others[at : at + SLOT], key=_age)
        result += best
    return result


def _age(slot: Sequence[int]) -> int:
    return slot[0] if slot[0] == slot[4] else 0
