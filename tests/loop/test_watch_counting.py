"""What has gathered is counted once, by whoever asks first."""

import asyncio
import threading
from time import perf_counter_ns, sleep

from inprofile.core.event_loop import Wait
from inprofile.core.model import Pause, Trace
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


def test_who_counts_waits_for_what_another_thread_is_reporting():
    begun, reported = threading.Event(), []

    def report(pause):
        begun.set()
        sleep(0.1)
        reported.append(pause)

    watch = Watch(50 * MS, lambda: None, report)

    async def main():
        loop = watch.loops.here()
        assert loop is not None
        loop.pause(Pause(None, 0, 60 * MS))

    try:
        asyncio.run(main())
        other = threading.Thread(target=watch.tick)
        other.start()
        begun.wait(60)
        watch.tick()
        assert len(reported) == 1
        other.join()
    finally:
        watch.stop()
