"""Watches the event loops of a process: puts the parts together, and takes them apart again."""

import os
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from types import CoroutineType
from typing import Any, Protocol, TypeVar

from inprofile.core import metrics
from inprofile.core.application import application
from inprofile.core.awaiting import awaited
from inprofile.core.event_loop import EventLoop, EventLoops, Wait
from inprofile.core.metrics import RATIO_PARTS, Family
from inprofile.core.model import UNMATCHED, Location, Pause, Trace
from inprofile.core.suffering import burner, is_collected, is_contended, is_queued
from inprofile.loop.garbage import Garbage
from inprofile.loop.heartbeat import Heartbeat
from inprofile.loop.load import Gauge, Load
from inprofile.loop.others import Others
from inprofile.loop.polls import Polls
from inprofile.loop.sampling import base
from inprofile.loop.watchdog import Watchdog

MAX_STRAYS = 256
"""Pauses that no trace under way can be told of, which wait to be reported."""

LEAST_SEEN = 2
DOMINANT = 0.6
"""So many looks, and such a part of all, at steps of one trace make the pause its doing."""


Waiting = TypeVar("Waiting")


class Counting(Protocol):
    """Where the numbers go."""

    def observe(self, family: Family, *labels: str, value_ns: int) -> None:
        """Add one duration to a histogram or a total."""

    def put(self, family: Family, *labels: str, value: int) -> None:
        """Set a gauge."""


class _Parts:
    """What has been put into one loop."""

    def __init__(self, beat: Heartbeat, polls: Polls | None, gauge: Gauge, kind: str) -> None:
        self.beat = beat
        self.polls = polls
        self.gauge = gauge
        self.kind = kind

    def stop(self) -> None:
        self.beat.stop()
        if self.polls is not None:
            self.polls.stop()


class Watch:
    """Watches the event loops that requests come to, from the first request of each.

    ``block_ns`` is how long a loop must be held up to be a pause; ``counting`` gives where to
    count, or None while there is nowhere; ``report`` takes pauses that no trace under way knows.
    Nothing runs before the first request on a loop.
    """

    def __init__(
        self,
        block_ns: int,
        counting: Callable[[], Counting | None],
        report: Callable[[Pause], None],
        clock: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._block_ns = block_ns
        self._counting = counting
        self._report = report
        self._clock = clock
        self._parts: dict[EventLoop, _Parts] = {}
        self._strays: deque[Pause] = deque(maxlen=MAX_STRAYS)
        self._reporting = threading.RLock()
        self._appointing = threading.RLock()
        self.garbage = Garbage(clock)
        self._others = Others(self._lagged, clock)
        self.loops = EventLoops(self._others.look, self._begun, block_ns)
        self._dog: Watchdog | None = None

    def stop(self) -> None:
        """Leave every loop as it was, and end the thread."""
        self.garbage.stop()
        dog, self._dog = self._dog, None
        if dog is not None:
            dog.stop()
        for parts in list(self._parts.values()):
            parts.stop()
        self._parts.clear()
        self._others.stop()
        self.loops.known.clear()

    def after_fork_in_child(self) -> None:
        """The loops are the parent's, and the thread is not here."""
        self._reporting = threading.RLock()
        self._appointing = threading.RLock()
        self._strays.clear()
        self.garbage.waiting.clear()
        dog, self._dog = self._dog, None
        if dog is not None:
            dog.close()
        for parts in self._parts.values():
            parts.beat.stop()
        self._parts.clear()
        self._others.stop()
        self.loops.known.clear()
        self.loops = EventLoops(self._others.look, self._begun, self._block_ns)

    def _begun(self, known: EventLoop) -> None:
        """A request has come to a loop that nobody has watched: in its thread."""
        loop = known.loop()
        known.base = base(sys._getframe())  # noqa: SLF001 - in a task of the loop
        dog = self._appointed()
        watched = dog.watch(known)
        kind = _kind(loop)
        polls = Polls.of(known, loop)
        beat = Heartbeat(
            known,
            lambda lag_ns: self._lagged(kind, lag_ns),
            self._clock,
        )

        def paused(pause: Pause) -> None:
            watched.explain(pause)
            pause.gc_ns, pause.is_gc_due = self.garbage.within(
                known.thread, pause.start_ns, pause.end_ns
            )
            self._take(pause)

        def halted() -> None:
            beat.was_halted, known.round_ns = True, 0

        def woken() -> None:
            dog.hurry()
            beat.hurry()

        known.paused, known.waits_at, known.woken = paused, waits_at, woken
        watched.halted = halted
        self._parts[known] = _Parts(beat, polls, Gauge(known, polls, watched.usage), kind)
        beat.start()

    def _appointed(self) -> Watchdog:
        """Who watches: one for all loops, though several may begin at once."""
        with self._appointing:
            if self._dog is None:
                working = self.loops.working
                self._dog = Watchdog(self._block_ns, self._gone, working, self._clock)
                self.garbage.start()
            return self._dog

    def _gone(self, known: EventLoop) -> None:
        self.loops.forget(known)
        parts = self._parts.pop(known, None)
        if parts is not None:
            parts.stop()

    def _take(self, pause: Pause) -> None:
        trace = pause.trace = culprit(pause)
        if trace is None or trace.door == "websocket" or not self._told(trace, pause):
            self._strays.append(pause)

    @staticmethod
    def _told(trace: Trace, pause: Pause) -> bool:
        """Tell a trace of a pause of its own, if it has not been judged yet."""
        if trace.stages:  # it is over
            return False
        trace.pauses = [*(trace.pauses or ()), pause]
        trace.suspect = True
        return True

    def glance(self) -> None:
        """Look at what the loops do, from a thread that has waited for the interpreter."""
        dog = self._dog
        if dog is not None and not dog.rests():
            dog.glance()

    def tick(self) -> None:
        """Count what has gathered. To be called now and then, by any thread.

        What held up a loop until now has been reported when this returns.
        """
        counting = self._counting()
        if counting is not None:
            for known, parts in list(self._parts.items()):
                _put(parts.gauge.read(), parts.kind, counting)
                for wait in _taken(known.waits):
                    self._settle(known, wait, counting)
            for generation, took_ns in _taken(self.garbage.waiting):
                counting.observe(metrics.GC_PAUSE, str(generation), value_ns=took_ns)
        with self._reporting:
            for pause in _taken(self._strays):
                self._report(pause)

    @staticmethod
    def _settle(known: EventLoop, wait: Wait, counting: Counting) -> None:
        """Count who waited for whom; later where it is not known yet which route that was."""
        traces = wait.culprit, wait.victim
        if any(each.route == UNMATCHED and not each.finished for each in traces):
            known.waits.append(wait)
            return
        counting.observe(
            metrics.LOOP_WAIT, wait.victim.route, wait.culprit.route, value_ns=wait.wait_ns
        )

    def _lagged(self, kind: str, lag_ns: int) -> None:
        counting = self._counting()
        if counting is not None:
            counting.observe(metrics.LAG, kind, value_ns=lag_ns)


def _taken(waiting: "deque[Waiting]") -> Iterator[Waiting]:
    """What waits by now, taken out; another thread may do the same."""
    for _ in range(len(waiting)):
        try:
            yield waiting.popleft()
        except IndexError:
            return


def _put(load: Load, kind: str, counting: Counting) -> None:
    pid = str(os.getpid())
    if load.utilization is not None:
        parts = round(load.utilization * RATIO_PARTS)
        counting.put(metrics.UTILIZATION, kind, load.method, pid, value=parts)
    if load.tasks is not None:
        counting.put(metrics.TASKS, pid, value=load.tasks)
    if load.ready is not None:
        counting.put(metrics.READY, pid, value=load.ready)


def culprit(pause: Pause) -> Trace | None:
    """Whose doing a pause was: of a step its trace's, unless that was held up itself.

    Of many short steps it is that of the trace which most of them were seen to be of, and of
    nobody if there is none: what is busy with many requests is no request's fault.
    """
    if is_queued(pause) or is_collected(pause):
        return None
    if is_contended(pause):
        found = burner(pause)
        return None if found is None else found.trace
    if pause.is_step:
        return pause.trace
    seen = Counter(id(each.trace) for each in pause.samples)
    for whose, times in seen.most_common(1):
        if times >= LEAST_SEEN and times >= DOMINANT * len(pause.samples):
            return next(one.trace for one in pause.samples if id(one.trace) == whose)
    return None


def waits_at(inner: Any) -> Location | None:
    """The application's innermost line at which a suspended coroutine waits."""
    if type(inner) is not CoroutineType:
        return None
    for frame in awaited(inner):
        if application.owns(frame.f_code):
            code = frame.f_code
            return Location(code.co_filename, frame.f_lineno or 0, code.co_qualname)
    return None


def _kind(loop: Any) -> str:
    """What kind of loop it is, as its module is called: asyncio, uvloop."""
    return type(loop).__module__.partition(".")[0]
