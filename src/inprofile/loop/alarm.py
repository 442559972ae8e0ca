"""A timer that a thread sleeps by, and that others set anew without waking it up."""

import _thread
import os
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

LEAST_NS = 1_000
NS = 1_000_000_000


class Alarm(Protocol):
    """One thread waits for it; any may set it. The latest setting holds."""

    def setting(self, after_ns: int) -> Callable[[], object]:
        """What has it go off so many nanoseconds after it is called."""

    def wait(self) -> None:
        """Sleep until it goes off."""

    def close(self) -> None:
        """Give back what is open; nobody may wait any more."""


def alarm() -> Alarm:
    """The best that there is here: of the system's timers, or else of a lock."""
    # Where threads are greenlets (gevent), all of them would wait for the system's timer.
    has_threads = type(threading.Lock()).__module__ == _thread.__name__
    if has_threads and sys.platform == "linux":
        try:
            return SystemAlarm()
        except (ImportError, AttributeError, OSError):  # no ctypes, another C library, no files
            pass
    return LockAlarm()


class SystemAlarm:
    """A timer of Linux's. Setting it costs 1 microsecond.

    https://man7.org/linux/man-pages/man2/timerfd_create.2.html
    """

    def __init__(self) -> None:
        import ctypes  # a megabyte for those who need it

        self._times = ctypes.c_long * 4  # the interval and the value, of two parts each
        library = ctypes.PyDLL(None, use_errno=True)  # which does not let the interpreter go
        self._set = library.timerfd_settime
        self._file = library.timerfd_create(time.CLOCK_MONOTONIC, os.O_CLOEXEC)
        if self._file < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")

    def setting(self, after_ns: int) -> Callable[[], object]:
        """What has it go off in so many nanoseconds."""
        times = self._times(0, 0, *divmod(max(after_ns, LEAST_NS), NS))
        return partial(self._set, self._file, 0, times, None)

    def wait(self) -> None:
        """Sleep until it goes off."""
        os.read(self._file, 8)

    def close(self) -> None:
        """Give the file back."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


class LockAlarm:
    """The same by a lock: who sleeps wakes up whenever it is set to go off sooner."""

    def __init__(self) -> None:
        self._due_ns = 0
        self._changed = threading.Condition()

    def setting(self, after_ns: int) -> Callable[[], object]:
        """What has it go off in so many nanoseconds."""
        return partial(self._set, after_ns)

    def _set(self, after_ns: int) -> None:
        with self._changed:
            before_ns, self._due_ns = self._due_ns, time.perf_counter_ns() + after_ns
            if self._due_ns < before_ns:
                self._changed.notify()

    def wait(self) -> None:
        """Sleep until it goes off."""
        with self._changed:
            while (left_ns := self._due_ns - time.perf_counter_ns()) > 0:
                self._changed.wait(left_ns / NS)

    def close(self) -> None:
        """Nothing is open."""
