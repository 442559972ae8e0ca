"""What our own thread takes of the processor, counted by itself."""

import time
from collections.abc import Callable

from inprofile.core.meter import Meter
from inprofile.core.metrics import BACKGROUND_CPU


class BackgroundTime:
    """Called now and then by a thread, it counts the CPU time that this thread has taken since."""

    def __init__(self, meter: Meter, clock_ns: Callable[[], int] = time.thread_time_ns) -> None:
        self._meter = meter
        self._clock_ns = clock_ns
        self._counted_ns = 0

    def __call__(self) -> None:
        """Count. Costs two microseconds."""
        now_ns = self._clock_ns()
        self._meter.observe(BACKGROUND_CPU, value_ns=now_ns - self._counted_ns)
        self._counted_ns = now_ns
