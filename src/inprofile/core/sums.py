"""Series of many files added up, each as one long number: a word at a time would take too long."""

import sys
from collections import Counter
from collections.abc import Iterable
from functools import cache

from inprofile.core.cells import LARGEST, WORD, Key, Record, key_of, width
from inprofile.core.exemplars import newer
from inprofile.core.metrics import BY_NAME, COUNTER, EXEMPLARS, GAUGES, Family

ORDER = sys.byteorder
BITS = 8 * WORD
HIGHEST_BYTE = WORD - 1 if ORDER == "little" else 0


class _Sum:
    """One series: a long number of all its words, which never reach into each other.

    Of most series one file alone has something: then its words stay as they are there.
    """

    __slots__ = (
        "alone",
        "full",
        "has_largest",
        "is_gauge",
        "key",
        "largest",
        "size",
        "total",
        "zeros",
    )

    def __init__(self, key: Key, family: Family, words: int) -> None:
        self.key = key
        self.size = words * WORD
        self.zeros = _zeros(self.size)
        self.is_gauge = family.type in GAUGES
        self.has_largest = not self.is_gauge and family.type != COUNTER
        self.full = 0 if self.is_gauge else _highest_bits(words)
        self.alone = b""
        self.total: int | None = None
        self.largest = 0

    def add(self, data: bytes) -> bool:
        """Add one file's words; False where they cannot be: nobody counts to 2**63."""
        if self.total is None:
            if not self.alone or self.alone == self.zeros:
                return self._begin(data)
            self.total, self.largest = int.from_bytes(self.alone, ORDER), _largest(self.alone)
        if data == self.zeros:
            return True
        added = self.total + int.from_bytes(data, ORDER)
        if added & self.full:
            return False
        self.total = added
        largest = _largest(data)
        if largest > self.largest:
            self.largest = largest
        return True

    def _begin(self, data: bytes) -> bool:
        # A word below 2**63 has an ASCII character for its highest byte.
        if self.full and not data[HIGHEST_BYTE::WORD].isascii():
            return False
        self.alone = data
        return True

    def words(self) -> list[int]:
        """The words, one by one; none where nothing was added."""
        if self.total is None:
            return memoryview(self.alone).cast("Q").tolist()
        # A gauge goes below zero where one worker has taken back what another one has given.
        total = self.total % (1 << BITS) if self.is_gauge else self.total
        words = memoryview(total.to_bytes(self.size, ORDER)).cast("Q").tolist()
        if self.has_largest:
            words[LARGEST] = self.largest
        return words


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
        """The words, one by one; none where nothing was added."""
        return self.total or []


def _largest(data: bytes) -> int:
    return int.from_bytes(data[LARGEST * WORD : (LARGEST + 1) * WORD], ORDER)


@cache
def _zeros(size: int) -> bytes:
    return bytes(size)


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
        records = list(records)
        sums = self._sums
        for key, _ in records:
            if key not in sums:
                sums[key] = self._begun(key_of(key))
        for key, data in records:
            known = sums[key]
            if known is None or (known.is_gauge and not alive):
                continue
            if len(data) != known.size or not known.add(data):
                self.skipped["torn"] += 1

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
        found = ((one.key, one.words()) for one in self._sums.values() if one is not None)
        return {key: words for key, words in found if words}
