"""A role that one worker of a group has at a time: the others take it over when it ends."""

import fcntl
import os
from pathlib import Path


class Role:
    """Held by a lock on ``path``, of which the kernel lets go on any death.

    A forked child does not have it, and must say so by ``forget``: the lock is on what both have
    open. Who has it can leave a word there for the others, and for who has it next.
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
        except OSError:
            os.close(fd)
            return False
        self._fd = fd
        return True

    def leave(self, word: str) -> None:
        """Let the others read this instead of what was there. Raises OSError."""
        if self._fd >= 0:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, word.encode(), 0)

    def word(self) -> str:
        """What who has the role, or had it last, has left."""
        try:
            return self.path.read_text()
        except OSError:
            return ""

    def forget(self) -> None:
        """Give the role up, or in a forked child what is open of its parent's."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
