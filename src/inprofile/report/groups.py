"""Finds the groups on this machine, and reads the facts about one."""

import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inprofile.analysis.facts import Facts, facts
from inprofile.analysis.source import Source
from inprofile.analysis.unknown import FILES, Unknown
from inprofile.core.cells import VERSION
from inprofile.core.group import Group
from inprofile.core.slots import LOCK, SUFFIX, Snapshot, is_held, snapshot
from inprofile.storage.store import FILE, NewerSchema, Store

START = "Start the app with inprofile.instrument(app) and send it a request"


class NothingToReport(Exception):
    """There is no group, or it has counted nothing; says what to do."""


class CannotRead(Exception):
    """What is there cannot be read; says why and what to do."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The group to report on, and a line about the others when there was a choice."""

    group: Group
    remark: str = ""


def find(directory: Path) -> list[Group]:
    """The groups in ``directory``, which may also be one group's own; the newest first.

    Raises NothingToReport when there is none and CannotRead when it cannot be looked into.
    """
    try:
        inside = sorted(directory.iterdir())
        if _is_group(directory):
            return [Group(directory.name, directory.absolute())]
        groups = [Group(path.name, path) for path in inside if path.is_dir() and _is_group(path)]
    except FileNotFoundError:
        raise NothingToReport(f"there is no {directory}. {START}, {_elsewhere()}") from None
    except NotADirectoryError:
        raise CannotRead(f"{directory} is not a directory. Give one with --dir DIR.") from None
    except OSError as error:
        raise CannotRead(f"{directory} cannot be read: {error.strerror}. {_user()}") from error
    if not groups:
        raise NothingToReport(f"no app has been measured in {directory}. {START}, {_elsewhere()}")
    return sorted(groups, key=lambda group: active_s(group.directory), reverse=True)


def choose(groups: Sequence[Group], name: str = "") -> Chosen:
    """The group called ``name`` or beginning so; without one the live group, or the newest.

    Raises CannotRead when ``name`` fits none or several.
    """
    if name:
        return Chosen(_named(groups, name))
    live = [group for group in groups if is_live(group.directory)]
    if not live:
        ended = "all of its workers have ended; these are the counts that they left"
        others = _others(groups[1:], "ended too")
        return Chosen(groups[0], f"group {groups[0].name}: {ended}{others}")
    others = _others(live[1:], "live too")
    return Chosen(
        live[0], f"group {live[0].name}: the most recently active{others}" if others else ""
    )


def read(group: Group) -> Facts:
    """The facts about ``group`` as they are now.

    Raises NothingToReport when nothing was counted yet, and CannotRead when no counts can be
    read or the stored traces are of a newer inprofile.
    """
    directory = group.directory
    counted = snapshot(directory)
    _check(counted, directory)
    problems = []
    findings = []
    try:
        findings = Store(directory).findings()
    except NewerSchema as error:
        raise CannotRead(f"{directory / FILE} was {error}") from error
    except sqlite3.Error as error:
        problems.append(Unknown("findings and kept traces", 0, f"{FILE} cannot be read: {error}"))
    found = facts(counted, source(group, counted), findings, problems)
    if found.empty:
        raise NothingToReport(
            f"group {group.name} has counted nothing yet. Send the app a request "
            "(those to its metrics path do not count)."
        )
    return found


def source(group: Group, counted: Snapshot) -> Source:
    """What the directory and its files say about the group itself."""
    return Source(
        group=group.name,
        directory=str(group.directory),
        workers=tuple(sorted(worker.pid for worker in counted.workers)),
        started_s=started_s(group.directory),
        active_s=active_s(group.directory) or None,
        read_s=time.time(),
    )


def started_s(directory: Path) -> float | None:
    """When the group's first worker began, in seconds since the epoch.

    Its claim made the lock file, which nothing writes to ever after.
    """
    try:
        return (directory / LOCK).stat().st_mtime
    except OSError:
        return None


def active_s(directory: Path) -> float:
    """The last change to the group's files, 0 when there is none.

    A lower bound: memory-mapped files are dated when the system writes them back, and on
    some file systems only when they grow.
    """
    times = [0.0]
    for path in (*directory.glob(f"*{SUFFIX}"), *directory.glob(f"{FILE}*")):
        try:
            times.append(path.stat().st_mtime)
        except OSError:
            continue
    return max(times)


def is_live(directory: Path) -> bool:
    """Whether a process of the group lives."""
    return any(is_held(path) for path in directory.glob(f"*{SUFFIX}"))


def _is_group(directory: Path) -> bool:
    return (directory / LOCK).exists() or any(directory.glob(f"*{SUFFIX}"))


def _named(groups: Sequence[Group], name: str) -> Group:
    exact = [group for group in groups if group.name == name]
    fitting = exact or [group for group in groups if group.name.startswith(name)]
    if len(fitting) == 1:
        return fitting[0]
    problem = f"several groups begin with {name!r}" if fitting else f"there is no group {name!r}"
    names = ", ".join(group.name for group in fitting or groups)
    raise CannotRead(f"{problem}; there are: {names}. Choose one with --group NAME.")


def _others(groups: Sequence[Group], what: str) -> str:
    if not groups:
        return ""
    names = ", ".join(group.name for group in groups)
    return f"; {what}: {names}. Choose one with --group NAME."


def _check(counted: Snapshot, directory: Path) -> None:
    """Nothing readable at all is an error; some of it is a gap in the facts."""
    skipped = counted.skipped - Counter(empty=counted.skipped["empty"])
    if counted.series or not skipped:
        return
    if set(skipped) == {"version"}:
        raise CannotRead(
            f"{directory} was written by another version of inprofile (this one reads layout "
            f"{VERSION}). Use the app's own: pip install --upgrade inprofile"
        )
    reasons = "; ".join(f"{count}: {FILES.get(why, why)}" for why, count in skipped.items())
    raise CannotRead(f"no file of counts in {directory} can be read ({reasons}). {_user()}")


def _elsewhere() -> str:
    return "or say where it keeps its counts: --dir DIR or INPROFILE_DIR."


def _user() -> str:
    return "Run this as the user that runs the app, or give another place with --dir DIR."
