"""A role that one worker of a group has at a time: the others take it over when it ends."""

import fcntl
import os
from pathlib import Path

ENDING = b"ending"


class Role:
    """Held by a lock on ``path``, of which the kernel lets go on any death.

    A forked child does not have it, and must say so by ``forget``: the lock is on what both have
    open.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = -1

    def held(self) -> bool:
        """Whether this process has the role, by now. Never waits; False where it cannot be had."""
        if self._fd >= 0:
            return True
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(fd, 0)
        except OSError:
            os.close(fd)
            return False
        self._fd = fd
        return True

    def end(self) -> None:
        """Tell the others that who has the role is about to do its last work."""
        if self._fd >= 0:
            os.pwrite(self._fd, ENDING, 0)

    def is_ending(self) -> bool:
        """Whether who has the role, or had it last, said so."""
        try:
            return self.path.read_bytes() == ENDING
        except OSError:
            return False

    def forget(self) -> None:
        """Give the role up, or in a forked child what is open of its parent's."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
