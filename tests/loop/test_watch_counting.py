"""What has gathered is counted once, by whoever asks first."""

import asyncio
from time import perf_counter_ns

from inprofile.core.event_loop import Wait
from inprofile.core.model import Trace
from inprofile.core.recorder import Recorder
from inprofile.loop.watch import Watch

MS = 1_000_000


class TicksMeanwhile:
    """Counts, and is overtaken by another thread that counts too."""

    def __init__(self):
        self.waits = []
        self.watch = Watch(50 * MS, lambda: self, lambda pause: None)

    def observe(self, _family, *labels, value_ns):
        self.waits.append((*labels, value_ns))
        self.watch.tick()

    def put(self, _family, *labels, value):
        pass


def finished(recorder, route):
    trace = Trace(recorder, "http", "GET", "http", perf_counter_ns, 10)
    trace.route, trace.finished = route, True
    return trace


def test_two_that_count_at_the_same_time_count_each_wait_once():
    counting = TicksMeanwhile()
    recorder = Recorder(sink=lambda trace: None, keep=lambda trace: None)
    slow, victim = finished(recorder, "/slow"), finished(recorder, "/victim")

    async def main():
        loop = counting.watch.loops.here()
        assert loop is not None
        loop.waits.extend(Wait(slow, victim, wait_ns) for wait_ns in (1, 2, 3))
        counting.watch.tick()

    try:
        asyncio.run(main())
    finally:
        counting.watch.stop()
    assert counting.waits == [("/victim", "/slow", wait_ns) for wait_ns in (1, 2, 3)]
