"""Series of many files added up, each as one long number: a word at a time would take too long."""

import sys
from collections import Counter
from collections.abc import Iterable
from functools import cache

from inprofile.core.cells import LARGEST, LARGEST_WORD, WORD, Key, Record, key_of, width
from inprofile.core.exemplars import newer
from inprofile.core.metrics import BY_NAME, COUNTER, EXEMPLARS, GAUGES, Family

ORDER = sys.byteorder
BITS = 8 * WORD


class _Sum:
    """One series: a long number of all its words, which never reach into each other."""

    __slots__ = ("full", "is_gauge", "key", "largest", "largest_at", "size", "total")

    def __init__(self, key: Key, family: Family, words: int) -> None:
        self.key = key
        self.size = words * WORD
        self.is_gauge = family.type in GAUGES
        self.total: int | None = None
        self.largest = 0
        has_largest = not self.is_gauge and family.type != COUNTER
        place = LARGEST if ORDER == "little" else words - 1 - LARGEST
        self.largest_at = BITS * place if has_largest else None
        self.full = 0 if self.is_gauge else _highest_bits(words)

    def add(self, data: bytes) -> bool:
        """Add one file's words; False where they cannot be: nobody counts to 2**63."""
        number, largest = int.from_bytes(data, ORDER), 0
        if self.largest_at is not None:
            largest = number >> self.largest_at & LARGEST_WORD
            number -= largest << self.largest_at
        added = number if self.total is None else self.total + number
        if added & self.full:
            return False
        self.total = added
        self.largest = max(self.largest, largest)
        return True

    def words(self) -> list[int]:
        """The words, one by one."""
        number = self.total or 0
        if self.largest_at is not None:
            number += self.largest << self.largest_at
        # A gauge goes below zero where one worker has taken back what another one has given.
        packed = (number & (1 << 8 * self.size) - 1).to_bytes(self.size, ORDER)
        return memoryview(packed).cast("Q").tolist()


class _Newest:
    """The exemplars of one series."""

    __slots__ = ("is_gauge", "key", "size", "total")

    def __init__(self, key: Key, words: int) -> None:
        self.key = key
        self.size = words * WORD
        self.is_gauge = False
        self.total: list[int] | None = None

    def add(self, data: bytes) -> bool:
        """Take what is newer in one file."""
        words = memoryview(data).cast("Q").tolist()
        self.total = words if self.total is None else newer(self.total, words)
        return True

    def words(self) -> list[int]:
        """The words, one by one."""
        return self.total or []


@cache
def _highest_bits(words: int) -> int:
    """That of each word: what has it could run over into its neighbour."""
    return sum(1 << BITS * (i + 1) - 1 for i in range(words))


class Sums:
    """Adds up the series of files whose histograms have ``bounds_count`` bounds.

    Costs 1 microsecond a series. ``skipped`` counts those of another shape, by why.
    """

    def __init__(self, bounds_count: int) -> None:
        self._bounds_count = bounds_count
        self._sums: dict[bytes, _Sum | _Newest | None] = {}
        self.skipped: Counter[str] = Counter()

    def add(self, records: Iterable[Record], *, alive: bool) -> None:
        """Add one file's series; gauges count for the living only.

        Raises Unreadable, having added none, where a key is none.
        """
        for known, data in [(self._sum(key), data) for key, data in records]:
            if known is None or (known.is_gauge and not alive):
                continue
            if len(data) != known.size or not known.add(data):
                self.skipped["torn"] += 1

    def _sum(self, text: bytes) -> _Sum | _Newest | None:
        try:
            return self._sums[text]
        except KeyError:
            found = self._sums[text] = self._begun(key_of(text))
            return found

    def _begun(self, key: Key) -> _Sum | _Newest | None:
        """The sum of a series that is new; None for one of a family that is not known."""
        name, *labels = key
        family = BY_NAME.get(name)
        if family is None:
            return None
        fits = len(labels) == len(family.labels)
        words = width(family, self._bounds_count) if fits else 0
        return _Newest(key, words) if family.type == EXEMPLARS else _Sum(key, family, words)

    def series(self) -> dict[Key, list[int]]:
        """Every series that was added."""
        found = self._sums.values()
        return {one.key: one.words() for one in found if one is not None and one.total is not None}
