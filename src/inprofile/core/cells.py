"""Counters and histograms in shared memory: one file per worker, which only it writes.

Layout, all words unsigned 64-bit in the machine's order::

    MAGIC VERSION first_word used_words pid claimed_ns bounds_count reserved, the bounds,
    then records: total_words, key_bytes, the key (JSON, padded to words), the data

A record becomes visible by the one store that raises ``used_words`` over it, so a reader
never sees half of one. A histogram's count is the sum of its buckets: one store a
observation decides whether it happened, also under SIGKILL.
"""

import fcntl
import json
import mmap
import os
import threading
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from inprofile.core.buckets import CLASSIC_S
from inprofile.core.metrics import (
    COUNTER,
    EXEMPLARS,
    FAMILIES,
    GAUGES,
    HISTOGRAM,
    SERIES_OVERFLOW,
    Family,
)
from inprofile.core.model import OVERFLOW

MAGIC = int.from_bytes(b"INPROFIL", "little")
VERSION = 1
HEADER_WORDS = 8
WORD = 8
LARGEST_WORD = (1 << 64) - 1
STEP_BYTES = 256 * 1024
"""Disk is claimed in such steps: a full disk is an error here and not a SIGBUS later."""

SUM, LARGEST, BUCKETS = 0, 1, 2
COUNT = BUCKETS
"""Where a total's count stands: at the place of a histogram's first bucket."""

SLOT = 6
"""Words of an exemplar: when, the two halves of its trace's id, its span's, how long, when."""

SLOTS = len(CLASSIC_S) + 1
"""Exemplars of a series: one for each bucket between the classic bounds."""

KEYS = 1 << 14
"""Keys of which is remembered how they read: the next scrape has the same."""

Key = tuple[str, ...]
"""A family's name, then its label values."""

Record = tuple[bytes, bytes]
"""A series as it stands in a file: its key, and its words."""


class Unreadable(Exception):
    """A file that is not a whole cells file of this version and layout; says why."""


class Cells:
    """One worker's own counters and histograms.

    ``path`` None keeps them in private memory (nobody else sees them). ``capacity_bytes``
    bounds the file; ``bounds`` are the histogram bounds in nanoseconds. Writers hold
    ``lock`` once for all cells of a trace. Raises OSError when the file cannot be had.
    """

    def __init__(
        self, path: Path | None, bounds: Sequence[int], capacity_bytes: int, claimed_ns: int = 0
    ) -> None:
        self.path = path
        self.bounds = list(bounds)
        self.lock = threading.RLock()
        self._size = -(-capacity_bytes // STEP_BYTES) * STEP_BYTES
        self._fd = -1 if path is None else _create(path)
        self._claimed_bytes = self._size if path is None else 0
        self._map = self._open()
        self.words = memoryview(self._map).cast("Q")
        self._offsets: dict[tuple[Family, Key], int] = {}
        self._series: dict[Family, int] = {}
        self._begin(claimed_ns)
        for family in FAMILIES:
            self._allocate(family, (OVERFLOW,) * len(family.labels))

    def _open(self) -> mmap.mmap:
        if self._fd < 0:
            return mmap.mmap(-1, self._size)
        os.ftruncate(self._fd, self._size)
        self._claim_disk(STEP_BYTES)
        return mmap.mmap(self._fd, self._size)

    def _claim_disk(self, up_to_bytes: int) -> None:
        if up_to_bytes > self._size:
            message = f"the cells file is full ({self._size} bytes)"
            raise OSError(message)
        while self._claimed_bytes < up_to_bytes:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self._fd, self._claimed_bytes, STEP_BYTES)
            else:
                os.pwrite(self._fd, bytes(STEP_BYTES), self._claimed_bytes)
            self._claimed_bytes += STEP_BYTES

    def _begin(self, claimed_ns: int) -> None:
        first = HEADER_WORDS + len(self.bounds)
        self.words[1:HEADER_WORDS] = memoryview(
            _packed([VERSION, first, first, os.getpid(), claimed_ns, len(self.bounds), 0])
        ).cast("Q")
        self.words[HEADER_WORDS:first] = memoryview(_packed(self.bounds)).cast("Q")
        self.words[0] = MAGIC

    def offset(self, family: Family, labels: Key, share: float = 1.0) -> int:
        """The first data word of a series, made on its first use.

        Beyond ``share`` of the family's cap, or when the file is full, it is that of the
        overflow series.
        """
        found = self._offsets.get((family, labels))
        if found is not None:
            return found
        with self.lock:
            try:
                if self._series.get(family, 0) <= family.cap * share:
                    return self._allocate(family, labels)
            except OSError:
                self._series[family] = family.cap + 1
            if family is not SERIES_OVERFLOW:  # it has no room either when the file is full
                self.add(self.offset(SERIES_OVERFLOW, (family.name,)), 1)
            return self._offsets[family, (OVERFLOW,) * len(family.labels)]

    def _allocate(self, family: Family, labels: Key) -> int:
        known = self._offsets.get((family, labels))
        if known is not None:
            return known
        key = json.dumps([family.name, *labels]).encode()
        key_words = -(-len(key) // WORD)
        total = 2 + key_words + width(family, len(self.bounds))
        at = self.words[3]
        if self._fd >= 0:
            self._claim_disk((at + total) * WORD)
        elif (at + total) * WORD > self._size:
            message = "the private cells are full"
            raise OSError(message)
        self.words[at] = total
        self.words[at + 1] = len(key)
        self._map[(at + 2) * WORD : (at + 2) * WORD + len(key)] = key
        self.words[3] = at + total
        self._series[family] = self._series.get(family, 0) + 1
        self._offsets[family, labels] = offset = at + 2 + key_words
        return offset

    def observe(self, offset: int, value_ns: int) -> None:
        """Add one duration to a histogram. Hold ``lock``."""
        words = self.words
        words[offset] += value_ns
        if value_ns > words[offset + 1]:
            words[offset + 1] = value_ns
        words[offset + 2 + bisect_left(self.bounds, value_ns)] += 1

    def tally(self, offset: int, value_ns: int, count: int) -> None:
        """Add ``count`` calls that took ``value_ns`` together to a total. Hold ``lock``."""
        words = self.words
        words[offset] += value_ns
        if value_ns > words[offset + 1]:
            words[offset + 1] = value_ns
        words[offset + 2] += count

    def add(self, offset: int, amount: int) -> None:
        """Add to a counter, or (also below zero) to a gauge. Hold ``lock``."""
        self.words[offset] = self.words[offset] + amount & LARGEST_WORD

    def put(self, offset: int, value: int) -> None:
        """Set a gauge. Hold ``lock``."""
        self.words[offset] = value & LARGEST_WORD

    def copied(self) -> dict[Key, list[int]]:
        """Every series as it stands, for a process whose cells nobody else can read."""
        width_of = {family: width(family, len(self.bounds)) for family in FAMILIES}
        with self.lock:
            return {
                (family.name, *labels): self.words[at : at + width_of[family]].tolist()
                for (family, labels), at in self._offsets.items()
            }

    def hold(self) -> None:
        """Lock the file for as long as this process lives. Raises OSError."""
        fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        """Give the memory and the file back; the file itself stays for the readers."""
        self.words.release()
        self._map.close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def width(family: Family, bounds_count: int) -> int:
    """How many data words a series of ``family`` takes."""
    if family.type == COUNTER or family.type in GAUGES:
        return 1
    if family.type == EXEMPLARS:
        return SLOTS * SLOT
    return 2 + bounds_count + 1 if family.type == HISTOGRAM else 3


def read(data: bytes, bounds: Sequence[int]) -> dict[Key, list[int]]:
    """Every series of one cells file. Raises Unreadable when it is not a whole one of ours."""
    found = records(data, bounds)
    return {key_of(key): memoryview(words).cast("Q").tolist() for key, words in found}


def records(data: bytes, bounds: Sequence[int]) -> list[Record]:
    """The same as it stands there, which costs half a microsecond a series."""
    words = memoryview(data)[: len(data) // WORD * WORD].cast("Q")
    return list(_records(data, words, _check(words, bounds)))


def owner(data: bytes) -> tuple[int, int]:
    """The process id and the time (ns since the epoch) at which the file was claimed."""
    words = memoryview(data[: HEADER_WORDS * WORD]).cast("Q")
    return words[4], words[5]


def load(path: Path) -> bytes:
    """The used part of a cells file (the rest is a hole). Raises OSError.

    A worker may begin a series meanwhile: what its header then says was used is read as well.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        wanted = HEADER_WORDS * WORD
        while True:
            data = os.pread(fd, wanted, 0)
            if len(data) < wanted:
                return data
            used_bytes = memoryview(data[: HEADER_WORDS * WORD]).cast("Q")[3] * WORD
            used_bytes = min(used_bytes, os.fstat(fd).st_size)
            if used_bytes <= wanted:
                return data
            wanted = used_bytes
    finally:
        os.close(fd)


def bounds_of(data: bytes) -> list[int]:
    """The histogram bounds of a cells file; none when it is not one of ours."""
    words = memoryview(data)[: len(data) // WORD * WORD].cast("Q")
    if len(words) < HEADER_WORDS or words[0] != MAGIC:
        return []
    return words[HEADER_WORDS : HEADER_WORDS + words[6]].tolist()


def written(series: Mapping[Key, Sequence[int]], bounds: Sequence[int]) -> bytes:
    """A cells file that holds ``series``: what ``read`` reads back."""
    first = HEADER_WORDS + len(bounds)
    parts = [_packed(bounds)]
    used = first
    for key, values in series.items():
        name = json.dumps(list(key)).encode()
        key_words = -(-len(name) // WORD)
        total = 2 + key_words + len(values)
        parts += [_packed([total, len(name)]), name.ljust(key_words * WORD, b"\0"), _packed(values)]
        used += total
    header = _packed([MAGIC, VERSION, first, used, 0, 0, len(bounds), 0])
    return b"".join([header, *parts])


def _check(words: memoryview, bounds: Sequence[int]) -> int:
    if len(words) < HEADER_WORDS:
        raise Unreadable("short" if len(words) else "empty")
    magic, version, first, used = words[:4].tolist()
    if magic != MAGIC:
        raise Unreadable("empty" if magic == 0 else "foreign")
    if version != VERSION:
        raise Unreadable("version")
    if used > len(words) or first != HEADER_WORDS + words[6] or first > used:
        raise Unreadable("torn")
    if words[HEADER_WORDS:first].tolist() != list(bounds):
        raise Unreadable("bounds")
    return int(used)


def _records(data: bytes, words: memoryview, used: int) -> Iterator[Record]:
    at = words[2]
    while at < used:
        total, key_bytes = words[at], words[at + 1] if at + 1 < used else 0
        end, start = at + total, (at + 2) * WORD
        data_at = at + 2 + -(-key_bytes // WORD)
        if not total or end > used or data_at >= end:
            raise Unreadable("torn")
        yield data[start : start + key_bytes], data[data_at * WORD : end * WORD]
        at = end


@lru_cache(KEYS)
def key_of(text: bytes) -> Key:
    """The key of a record. Raises Unreadable."""
    try:
        parts = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable("torn") from None
    if not isinstance(parts, list) or not parts or not all(isinstance(part, str) for part in parts):
        raise Unreadable("torn")
    return tuple(parts)


def _create(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
    return os.open(path, flags, 0o600)


def _packed(values: Sequence[int]) -> bytes:
    return array("Q", values).tobytes()
