"""Which processes belong together: the workers of one service under one supervisor."""

import contextlib
import hashlib
import multiprocessing
import os
import re
import shutil
import stat
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from inprofile.core.slots import LOCK, SUFFIX, is_held, only_one

KEEP_GROUPS = 20
KEEP_S = 7 * 24 * 3600.0
"""Directories of groups that have ended are kept so many and so long, for a later report."""

REMOVAL_LOCK = "removal.lock"
"""Held by the one process that removes them: half a removal would look like a fresh group."""


class UnsafeDirectory(Exception):
    """The directory is not ours alone; says which one, why and what to do."""


@dataclass(frozen=True, slots=True)
class Group:
    """All worker processes of one service on one machine, and the directory they share."""

    name: str
    directory: Path


def default_base() -> Path:
    """Where groups live when no directory is configured: private to the user."""
    return Path(tempfile.gettempdir()) / f"inprofile-{os.getuid()}"


def identify(base: Path, service: str, override: str) -> Group:
    """The group of this process.

    ``override`` names it outright. Otherwise it is the supervisor's: the parent that started
    us through multiprocessing (uvicorn, hypercorn, --reload) or forked us without exec
    (gunicorn, uWSGI). A process that a shell or a script started is a group of its own, so
    two apps started from one shell never mix. The service's name and command line are part
    of it, so neither do two services of one supervisor.
    """
    if override:
        name = re.sub(r"[^A-Za-z0-9._-]", "-", override)[:80]
        if not name.strip("."):
            name = name.replace(".", "-")  # "." and ".." are other directories
        return Group(name, base / name)
    leader = supervisor()
    what = "\0".join([service, *sys.argv])
    digest = hashlib.sha256(f"{leader}:{started_ticks(leader)}:{what}".encode()).hexdigest()[:8]
    program = Path(sys.argv[0] or "python")
    if program.name == "__main__.py":  # python -m uvicorn
        program = program.parent
    label = re.sub(r"[^A-Za-z0-9._-]", "-", service or program.name)[:40]
    name = f"{label or 'python'}-{leader}-{digest}"
    return Group(name, base / name)


def supervisor() -> int:
    """The process id of the supervisor that started this process, or our own."""
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        return parent.pid
    return os.getppid() if _forked_without_exec() else os.getpid()


def _forked_without_exec() -> bool:
    """A forked child shows its parent's command line until it replaces its own.

    Servers that rename their processes (setproctitle) keep their own name in front:
    ``gunicorn: master [shop]`` and ``gunicorn: worker [shop]``, and Celery's
    ``[celeryd: celery@host:MainProcess]``.
    """
    own, parents = _command_line(os.getpid()), _command_line(os.getppid())
    if not own or not parents:
        return False
    if own == parents:
        return True
    title = own.partition(b":")[0]
    return title in {b"gunicorn", b"uwsgi", b"[celeryd"} and parents.startswith(title + b":")


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def started_ticks(pid: int) -> str:
    """When the process was started, in clock ticks since boot; a used-again id differs in it."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "0"
    return status.rpartition(")")[2].split()[19]


def prepare(base: Path, directory: Path) -> None:
    """Make the group's directory, 0700 and ours, and remove groups long ended.

    Raises UnsafeDirectory when what stands there is another user's, open to others or a
    symbolic link, and OSError when it cannot be made.
    """
    _own(base)
    _own(directory)
    with only_one(base / REMOVAL_LOCK) as we_may:
        if we_may:
            _remove_ended(base, directory)


def _own(directory: Path) -> None:
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700, parents=True)
    status = directory.lstat()
    if stat.S_ISLNK(status.st_mode) or not stat.S_ISDIR(status.st_mode):
        problem = "is a symbolic link or not a directory"
    elif status.st_uid != os.getuid():
        problem = f"belongs to user {status.st_uid}, and we are {os.getuid()}"
    elif status.st_mode & 0o077:
        problem = f"is open to other users (mode {stat.S_IMODE(status.st_mode):04o})"
    else:
        return
    message = (
        f"INPROFILE_DIR: {directory} {problem}. Allowed: a directory of our own with mode 0700. "
        "Remove it, chmod 700 it, or set INPROFILE_DIR to another place."
    )
    raise UnsafeDirectory(message)


def _remove_ended(base: Path, mine: Path) -> None:
    """Only what bears our mark is a group: the base may hold things of the user's."""
    found = []
    for path in base.iterdir():
        if path != mine and not path.is_symlink() and (path / LOCK).exists():
            with contextlib.suppress(OSError):  # a person may be removing it
                found.append((path.stat().st_mtime, path))
    found.sort(reverse=True)
    for rank, (touched_at, path) in enumerate(found):
        if rank < KEEP_GROUPS and time.time() - touched_at < KEEP_S:
            continue
        if not any(is_held(file) for file in path.glob(f"*{SUFFIX}")):
            shutil.rmtree(path, ignore_errors=True)
