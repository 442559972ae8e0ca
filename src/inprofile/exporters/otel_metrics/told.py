"""What a receiver was told last of what only grows: where the next delta begins."""

from collections.abc import Mapping, Sequence
from operator import sub
from pathlib import Path

from inprofile.core.cells import Key, Unreadable, bounds_of, read, written

UNTIL = "until"
"""Key of the record that says when that was, in nanoseconds since the epoch."""

Growing = Mapping[Key, Sequence[int]]


class Told:
    """Kept in the file ``path``, so that another worker can go on from there, or with None here.

    Numbers are words of cells. ``note`` them, and ``keep`` what was noted once it has arrived.
    To be used by one at a time.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._kept = b""
        self._noted = b""

    def latest(self, began_ns: int) -> tuple[int, Growing]:
        """Until when was told, and what; at first nothing, until ``began_ns``.

        Numbers from before that are of a count that was begun anew.
        """
        data = self._kept if self._path is None else _loaded(self._path)
        try:
            found = read(data, bounds_of(data)) if data else {}
        except Unreadable:  # of another version, as the cells are then
            found = {}
        (until_ns,) = found.pop((UNTIL,), [0])
        return (until_ns, found) if until_ns >= began_ns else (began_ns, {})

    def note(self, growing: Growing, until_ns: int, bounds: Sequence[int]) -> None:
        """What is about to be told. Raises OSError: who cannot note it must not tell it."""
        self._noted = written({**growing, (UNTIL,): [until_ns]}, bounds)
        if self._path is not None:
            self._next.write_bytes(self._noted)

    def keep(self) -> None:
        """What was noted has arrived. Raises OSError."""
        self._kept = self._noted
        if self._path is not None:
            self._next.replace(self._path)

    @property
    def _next(self) -> Path:
        return Path(f"{self._path}.next")


def grown(words: Sequence[int], before: Sequence[int]) -> list[int]:
    """By how much each word is more than ``before``.

    Where one is less, or there are others, all has been counted anew since.
    """
    by = list(map(sub, words, before)) if len(words) == len(before) else [-1]
    return by if min(by) >= 0 else list(words)


def _loaded(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
