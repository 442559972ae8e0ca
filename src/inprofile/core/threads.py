"""The threads with which a server answers requests in this process: how many, and how many busy.

What an event loop's utilization is to an asynchronous server: once all are busy, who comes waits.
"""

import os

from inprofile.core.meter import Meter
from inprofile.core.metrics import THREADS_BUSY, THREADS_MAX


class ServerThreads:
    """``available`` is how many the server has said it has; None where none says so (n/a)."""

    def __init__(self) -> None:
        self.available: int | None = None

    def forget(self) -> None:
        """Nobody's: what forks from the server's process is another one."""
        self.available = None

    def write(self, meter: Meter) -> None:
        """Bring the worker's cells up to date. To be called now and then, by any thread.

        A thread is busy from the call of the application to the last byte of its response: as
        many are as there are requests under way.
        """
        if self.available is not None:
            pid = str(os.getpid())
            meter.put(THREADS_MAX, pid, value=self.available)
            meter.put(THREADS_BUSY, pid, value=min(meter.active, self.available))


threads = ServerThreads()
