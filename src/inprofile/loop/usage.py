"""Processor time of a thread and its process, as the system tells it."""

import os
import time
from contextlib import suppress
from typing import NamedTuple


class Usage(NamedTuple):
    """Processor time of a thread and of its whole process, since they began, in nanoseconds.

    ``queued_ns`` is how long the thread has waited for a processor, ``slices`` how often it was
    given one. None: not told here.
    """

    at_ns: int
    process_ns: int
    thread_ns: int | None = None
    queued_ns: int | None = None
    slices: int | None = None


class ThreadUsage:
    """Asks for the usage of one thread of this process, from any thread. Costs 5 microseconds.

    ``native`` is its number in the system. To be closed. (A thread's clock would be cheaper, and
    would crash the process when the thread has ended.)
    """

    def __init__(self, native: int) -> None:
        self._file = -1
        with suppress(OSError):  # Linux alone tells, where it may be read
            self._file = os.open(f"/proc/self/task/{native}/schedstat", os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> Usage:
        """The usage until now."""
        now_ns, process_ns = time.perf_counter_ns(), time.process_time_ns()
        with suppress(OSError, ValueError):
            if self._file >= 0:
                return Usage(now_ns, process_ns, *_times(os.pread(self._file, 100, 0)))
        return Usage(now_ns, process_ns)

    def close(self) -> None:
        """Give the file back."""
        file, self._file = self._file, -1  # once, also where two threads do it
        if file >= 0:
            os.close(file)


def _times(text: bytes) -> tuple[int, int, int]:
    """Time on a processor, time waiting for one, and how often it was given one.

    https://docs.kernel.org/scheduler/sched-stats.html
    """
    running, waiting, slices = text.split()
    return int(running), int(waiting), int(slices)
