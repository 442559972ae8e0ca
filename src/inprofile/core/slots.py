"""The group's directory of cells files: claiming one, reading all, folding the dead.

A worker holds an flock on its file for as long as it lives; the kernel lets go of it on any
death, SIGKILL included, so liveness is never guessed from a process id. Files of the dead are
added to ``base.cells`` once, which remembers them until they are gone: neither a crash half
way nor a reader in between can count one twice or not at all.
"""

import fcntl
import math
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from inprofile.core.cells import (
    Cells,
    Key,
    Record,
    Unreadable,
    bounds_of,
    key_of,
    load,
    owner,
    records,
    written,
)
from inprofile.core.sums import Sums

SUFFIX = ".cells"
BASE = "base.cells"
LOCK = "fold.lock"
FOLDED = "folded"
"""Key of the base file's record that names the files already added to it."""

READ_ATTEMPTS = 20
YOUNG_S = 60.0
"""For so long an unnamed file is left alone: its worker may be about to name it."""


@dataclass(slots=True)
class Worker:
    """A live process of the group."""

    pid: int
    claimed_ns: int


@dataclass(slots=True)
class Snapshot:
    """What all workers of a group, living and dead, have counted at one moment.

    ``skipped`` counts the files, and the series of another shape, that could not be read, by
    why.
    """

    bounds: list[int]
    series: dict[Key, list[int]] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


def claim(directory: Path, bounds: Sequence[int], capacity_bytes: int) -> Cells:
    """Cells in a file of our own in ``directory``, after folding what the dead left there.

    The file is named after its slot and the time of the claim, and locked before it has its
    name, so that nobody ever sees it without its owner. Raises OSError.
    """
    fold(directory, bounds)
    claimed_ns = time.time_ns()
    young = directory / f"new-{os.getpid()}-{claimed_ns}.tmp"
    cells = Cells(young, bounds, capacity_bytes, claimed_ns)
    try:
        cells.hold()
        taken = {path.name.partition(".")[0] for path in directory.glob(f"*{SUFFIX}")}
        slot = next(n for n in range(len(taken) + 1) if str(n) not in taken)
        cells.path = directory / f"{slot}.{claimed_ns}.{os.getpid()}{SUFFIX}"
        young.rename(cells.path)
    except BaseException:
        cells.close()
        young.unlink(missing_ok=True)
        raise
    return cells


def began_ns(directory: Path) -> int:
    """When the group began to count, in nanoseconds since the epoch. Raises OSError.

    Its lock is made before its first cells and never written to; its time is set again where
    counting begins anew.
    """
    return (directory / LOCK).stat().st_mtime_ns


def snapshot(directory: Path, bounds: Sequence[int] | None = None) -> Snapshot:
    """Everything the group has counted. Reads only; never raises for a bad file.

    ``bounds`` None takes those of the base, or else of the newest readable file. A fold that
    happens meanwhile is noticed (base.cells is another file then) and the reading starts again.
    """
    for _ in range(READ_ATTEMPTS):
        before = _identity(directory / BASE)
        result = _snapshot(directory, bounds)
        if _identity(directory / BASE) == before:
            return result
    return _snapshot(directory, bounds)


def _snapshot(directory: Path, bounds: Sequence[int] | None) -> Snapshot:
    folded: set[str] = set()
    files = sorted(directory.glob(f"*{SUFFIX}"), key=_claimed_ns, reverse=True)
    result = Snapshot(list(bounds or ()))
    sums: Sums | None = None
    for path in files:
        if path.name in folded:
            continue
        try:
            data = load(path)
        except FileNotFoundError:
            continue
        except OSError:
            result.skipped["unreadable"] += 1
            continue
        alive = path.name != BASE and is_held(path)
        try:
            wanted = result.bounds or bounds_of(data)
            found = records(data, wanted)
            if path.name == BASE:
                folded = _folded(found)
            sums = sums or Sums(len(wanted))
            sums.add(found, alive=alive)
        except Unreadable as problem:
            result.skipped[str(problem)] += 1
            continue
        result.bounds = wanted
        if alive:
            result.workers.append(Worker(*owner(data)))
    if sums is not None:
        result.series = sums.series()
        result.skipped += sums.skipped
    return result


def _claimed_ns(path: Path) -> float:
    """When the file was claimed by its name; the base comes after all."""
    if path.name == BASE:
        return math.inf
    claimed_ns = path.name.split(".")[1]
    return int(claimed_ns) if claimed_ns.isdecimal() else 0


def fold(directory: Path, bounds: Sequence[int], *, anew: bool = True) -> int:
    """Add the files of dead workers to the base and delete them; how many there were.

    Does nothing while another process folds. Files that cannot be read stay where they are,
    except empty ones, in which nothing was ever counted. A base that cannot be read is set aside
    and begun ``anew``, or else nothing is done: workers that disagree would do so in turns.
    """
    with only_one(directory / LOCK) as mine:
        if not mine or not (anew or _is_readable(directory / BASE, bounds)):
            return 0
        return _fold(directory, bounds)


def _is_readable(base: Path, bounds: Sequence[int]) -> bool:
    try:
        return not base.exists() or bounds_of(load(base)) == list(bounds)
    except OSError:
        return False


def _fold(directory: Path, bounds: Sequence[int]) -> int:
    base_path = directory / BASE
    sums = Sums(len(bounds))
    base = _base(base_path, bounds)
    folded = _folded(base)
    sums.add(base, alive=False)
    dead = [path for path in directory.glob(f"*{SUFFIX}") if path.name != BASE]
    dead = [path for path in dead if not is_held(path)]
    fresh = []
    for path in dead:
        if path.name in folded:
            continue
        try:
            sums.add(records(load(path), bounds), alive=False)
            fresh.append(path.name)
        except OSError:
            continue
        except Unreadable as problem:
            if str(problem) == "empty":
                path.unlink(missing_ok=True)
    if fresh:
        names = folded & {path.name for path in dead} | set(fresh)
        record = {(FOLDED, *sorted(names)): [len(names)]}
        _replace(base_path, written(sums.series() | record, bounds))
    for path in dead:
        if path.name in folded or path.name in fresh:
            path.unlink(missing_ok=True)
    _sweep(directory)
    return len(fresh)


def _base(path: Path, bounds: Sequence[int]) -> list[Record]:
    """What the base holds; one that cannot be read is set aside."""
    if not path.exists():
        return []
    try:
        found = records(load(path), bounds)
        for key, _ in found:
            key_of(key)
    except Unreadable:
        path.rename(path.with_suffix(f".aside-{time.time_ns()}"))
        os.utime(path.with_name(LOCK))
        return []
    return found


def _sweep(directory: Path) -> None:
    """Remove what was left by workers that died while they made a file."""
    for path in directory.glob("*.draft"):  # nobody else folds now
        path.unlink(missing_ok=True)
    for path in directory.glob("new-*.tmp"):
        try:
            old = time.time() - path.stat().st_mtime > YOUNG_S
        except OSError:
            continue
        if old and not is_held(path):
            path.unlink(missing_ok=True)


def is_held(path: Path) -> bool:
    """Whether a living process has the file locked."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


@contextmanager
def only_one(lock: Path) -> Iterator[bool]:
    """Whether this is the one process that holds ``lock`` now; never waits. Raises OSError."""
    fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        yield False
    else:
        yield True
    finally:
        os.close(fd)


def _replace(path: Path, data: bytes) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
    draft.replace(path)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _folded(base: Sequence[Record]) -> set[str]:
    """The files that were added to the base already."""
    marks = (key_of(key) for key, _ in base if FOLDED.encode() in key)
    return {name for mark, *names in marks if mark == FOLDED for name in names}
