"""The processes that the demo starts, all of which end with it."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import FrameType
from typing import IO, Final, Self

GRACE_S: Final = 5.0
GONE_S: Final = 1.0
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody wants the demo to end; like KeyboardInterrupt, but for every such signal."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


class Children:
    """Starts processes in groups of their own and leaves none behind."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[str]] = []
        self._starting = False
        self._signalled = 0

    def __enter__(self) -> Self:
        for number in SIGNALS:
            under_nohup = number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN
            if not under_nohup:
                signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number in SIGNALS:  # stopping takes seconds at most: let it finish
            signal.signal(number, signal.SIG_IGN)
        while self._running:
            stop(self._running.pop())

    def start(
        self, command: Sequence[str], env: Mapping[str, str], output: IO[str] | int | None = None
    ) -> subprocess.Popen[str]:
        """Start a process; without an output it writes where the demo writes."""
        self._starting = True  # a signal between the fork and the note of it would lose the child
        try:
            child = subprocess.Popen(  # noqa: S603 - the demo's own commands
                command,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=None if output == subprocess.PIPE else output,
                text=True,
                start_new_session=True,
            )
            self._running.append(child)
        finally:
            self._starting = False
        if self._signalled:
            raise Stopped(self._signalled)
        return child

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self._signalled = number
        if not self._starting:
            raise Stopped(number)


def stop(child: subprocess.Popen[str]) -> None:
    """Ask a process to end, and after the grace time end it and whatever it has started."""
    child.terminate()
    with suppress(subprocess.TimeoutExpired):
        child.wait(GRACE_S)
    end = time.monotonic() + GONE_S
    with suppress(ProcessLookupError, PermissionError):  # the group is empty
        os.killpg(child.pid, signal.SIGKILL)
        while time.monotonic() < end:
            os.killpg(child.pid, 0)
            time.sleep(0.01)
    child.wait()
    if child.stdout is not None:
        child.stdout.close()
