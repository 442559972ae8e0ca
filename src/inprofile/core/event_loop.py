"""What is known of an event loop: whose step it runs, when it was last idle, who held it up.

A step is what a task does between two suspensions. While one runs, nobody else's does: a request
that is ready by then waits, and whose step that is has cost it the time.
"""

import asyncio
import math
import time
import weakref
from asyncio import _get_running_loop
from collections import deque
from collections.abc import Callable
from threading import get_ident
from typing import TYPE_CHECKING, Any, NamedTuple

from inprofile.core.guard import guard
from inprofile.core.model import Clock, Location, Pause, Trace
from inprofile.core.recorder import current, shift

if TYPE_CHECKING:
    from types import CodeType

LEAST_WAIT_NS = 200_000
"""A shorter wait is what it takes the loop itself to come from its selector to a task."""

LONG_NS = 1_000_000
"""From this length on it is remembered whose step it was: for those who have waited for it."""

GAP_NS = 500_000
"""Where nobody tells when the loop is idle: it was, when no step is known for so long."""

MAX_LONG = 256
MAX_PAUSES = 64
MAX_WAITS = 10_000
"""Steps, pauses and waits of one loop that are remembered until they are counted."""

COVERED = 0.5
"""What is late because of a pause that is known, for this part of the time, tells of no other."""

WEIGHT = 0.05
"""Of the newest suspension in the running mean of their lengths."""


class Step(NamedTuple):
    """A long step of a trace."""

    start_ns: int
    end_ns: int
    trace: Trace


class Wait(NamedTuple):
    """So long ``victim`` was ready while a step of ``culprit`` ran."""

    culprit: Trace
    victim: Trace
    wait_ns: int


class EventLoop:
    """One event loop that runs in this process.

    ``running`` is the trace whose step is under way since ``began_ns``, ``ended_ns`` is when the
    latest step ended, ``long_ns`` when the latest long step or pause did, and ``idle_ns`` until
    when the loop is known to have had nothing to do. All requests that had come by ``came_ns`` have
    begun by now: one that begins has come since then. ``due_ns`` is when its heartbeat is due,
    ``base`` the code of what calls its callbacks. ``is_polled`` says that its selector tells when
    it is idle; otherwise that is estimated. A step of ``block_ns`` is a pause, of which ``paused``
    is told. While it ``dozes``, as no request has done anything in it for a while, it is looked at
    seldom: ``woken`` is told of the next that does. Then a selector that tells calls ``stirs`` when
    a round of the loop begins at ``round_ns``, and ``rests`` when it is over (0). Written by the
    loop's own thread alone.
    """

    def __init__(
        self, loop: Any, thread: int, block_ns: int, clock: Clock = time.perf_counter_ns
    ) -> None:
        self.loop = weakref.ref(loop)
        self.clock = clock
        self.thread = thread
        self.block_ns = block_ns
        self.running: Trace | None = None
        self.began_ns = self.idle_ns = self.long_ns = self.round_ns = 0
        self.came_ns = self.ended_ns = clock()
        self.due_ns = 1 << 62
        self.dozes = False
        self.base: CodeType | None = None
        self.is_polled = False
        self.suspended_ns = 0.0
        self.long: deque[Step] = deque(maxlen=MAX_LONG)
        self.pauses: deque[Pause] = deque(maxlen=MAX_PAUSES)
        self.waits: deque[Wait] = deque(maxlen=MAX_WAITS)
        self._taken_up: tuple[object, int] = (None, 0)
        self.paused: Callable[[Pause], None] = _nobody
        self.woken: Callable[[], None] = nothing
        self.stirs: Callable[[], object] = nothing
        self.rests: Callable[[], object] = nothing
        self.waits_at: Callable[[Any], Location | None] = _nowhere

    def wake(self) -> None:
        """A step of a request begins in a loop that dozes."""
        self.dozes, self.round_ns = False, 0
        with guard:
            self.woken()

    def used(self) -> None:
        """A request is here, of whose steps nothing is known."""
        self.ended_ns = self.clock()
        if self.dozes:
            self.wake()

    def unwatch(self) -> None:
        """Nobody looks at it any more."""
        self.woken = self.stirs = self.rests = nothing

    def waited(self, trace: Trace, now_ns: int) -> None:
        """A task of ``trace`` goes on at ``now_ns``: work out since when it was ready."""
        with guard:
            since_ns = max(trace.stepped_ns or self.came_ns, self._idle(now_ns))
            if now_ns - since_ns < LEAST_WAIT_NS:
                return
            if self.ended_ns <= since_ns and now_ns - since_ns < self.block_ns:
                return  # nobody is known to have run meanwhile
            if trace.stepped_ns:
                since_ns += round(arrival_ns(now_ns - since_ns, self._suspension_ns(trace)))
                span = current.get()
                if span is not None and span.trace is trace and not trace.finished:
                    shift(span, "loop_wait", now_ns - since_ns)
            elif self._is_taken_up():
                return  # it is not the loop that it has waited for
            else:  # it may have come at any moment of the time since then
                since_ns = (since_ns + now_ns) // 2
            self._charge(trace, since_ns, now_ns)

    def _idle(self, now_ns: int) -> int:
        """Until when the loop was idle, as far as that is known."""
        if not self.is_polled and now_ns - self.ended_ns > GAP_NS:
            # Idle but for what is not measured; not after a heartbeat that is overdue.
            self.idle_ns = max(self.idle_ns, min(now_ns, self.due_ns))
        return self.idle_ns

    def _is_taken_up(self) -> bool:
        """Whether the task that runs has not let go of the loop since this was last asked.

        A client in this process begins one request after the other without ever doing so.
        """
        task, came_ns = self._taken_up
        self._taken_up = now = _task(self.loop()), self.came_ns
        return task is not None and task is now[0] and came_ns == now[1]

    def _suspension_ns(self, trace: Trace) -> float:
        """How long a trace is suspended on average: by itself, or else as others are."""
        if trace.finished or trace.steps < 2:  # noqa: PLR2004 - between two steps is one
            return self.suspended_ns
        away_ns = trace.stepped_ns - trace.root.start_ns - trace.on_loop_ns
        return (away_ns - trace.shifted.get("loop_wait", 0)) / (trace.steps - 1)

    def _charge(self, victim: Trace, since_ns: int, now_ns: int) -> None:
        for step in reversed(self.long):
            if step.end_ns <= since_ns:
                break
            if step.trace is not victim:
                wait_ns = min(step.end_ns, now_ns) - max(step.start_ns, since_ns)
                self.waits.append(Wait(step.trace, victim, wait_ns))
        for pause in reversed(self.pauses):
            if pause.end_ns <= since_ns:
                break
            if pause.trace is not victim:
                pause.victims += 1
                pause.delayed_ns += min(pause.end_ns, now_ns) - max(pause.start_ns, since_ns)

    def stepped(self, trace: Trace, start_ns: int, end_ns: int, inner: Any) -> None:
        """A long step of ``trace`` has ended, where ``inner`` waits now."""
        with guard:
            self._is_taken_up()
            self.long.append(Step(start_ns, end_ns, trace))
            self.long_ns = end_ns
            if end_ns - start_ns > trace.longest_ns:
                trace.longest_ns = end_ns - start_ns
                trace.longest_at = self.waits_at(inner)
            if end_ns - start_ns >= self.block_ns:
                self.pause(Pause(trace, start_ns, end_ns))

    def cut(self, trace: Trace) -> None:
        """What runs from now on in the step of ``trace`` that is under way is no part of it.

        Where the trace is over, or another one begins inside of its step.
        """
        now_ns = self.clock()
        start_ns, self.began_ns = self.began_ns, now_ns
        trace.on_loop_ns += now_ns - start_ns
        trace.steps += 1
        trace.stepped_ns = self.ended_ns = now_ns
        if now_ns - start_ns >= LONG_NS:
            self.stepped(trace, start_ns, now_ns, None)

    def goes_to(self, trace: Trace) -> Trace | None:
        """The step that is under way is of ``trace`` from now on; whose it was until now."""
        if self.dozes:
            self.wake()
        before = self.running
        if before is not None:
            self.cut(before)
            self.running = trace
        return before

    def over(self, trace: Trace) -> None:
        """A trace has ended; what its task does from now on is not its time. 0.3 microseconds."""
        root = trace.root
        if self.running is trace:
            self.cut(trace)
        if trace.steps > 1:
            mean_ns = (root.end_ns - root.start_ns - trace.on_loop_ns) / (trace.steps - 1)
            self.suspended_ns += (mean_ns - self.suspended_ns) * WEIGHT

    def late(self, due_ns: int, now_ns: int) -> None:
        """What was due comes now: held up by a pause that is known, or by what is not one step."""
        late_ns = now_ns - due_ns
        if late_ns < self.block_ns:
            return
        with guard:
            covered_ns = sum(
                max(min(pause.end_ns, now_ns) - max(pause.start_ns, due_ns), 0)
                for pause in self.pauses
            )
            if covered_ns < COVERED * late_ns:
                self.pause(Pause(None, due_ns, now_ns, is_step=False))

    def pause(self, pause: Pause) -> None:
        """The loop was held up: find out by whom and how, and remember it for the victims."""
        self.pauses.append(pause)
        self.long_ns = max(self.long_ns, pause.end_ns)
        self.paused(pause)


def nothing() -> None:
    """Nobody looks at it."""


def _nobody(_pause: Pause) -> None:
    """Until somebody watches the loop."""


def _task(loop: Any) -> object:
    """A reference to the task that runs in ``loop``."""
    task = None if loop is None else asyncio.current_task(loop)
    return None if task is None else weakref.ref(task)


def _nowhere(_inner: Any) -> Location | None:
    return None


def arrival_ns(width_ns: float, mean_ns: float) -> float:
    """When in ``width_ns`` an event is expected to have come that was due to come in it.

    Of waits whose length is exponential with ``mean_ns``: the mean of what is left of the
    distribution, cut off at ``width_ns``. A mean of 0 is one that is not known.
    """
    if mean_ns <= 0:
        return width_ns / 2
    ratio = width_ns / mean_ns
    if ratio < 1e-6:  # noqa: PLR2004 - nearly even, and the formula takes two large numbers apart
        return width_ns / 2
    return mean_ns if ratio > 100 else mean_ns - width_ns / math.expm1(ratio)  # noqa: PLR2004 - all of it


class EventLoops:
    """The event loops of this process that requests have come to.

    ``missed`` is called where a request has come and no loop of asyncio's kind runs. A loop is
    taken in at the first request in it, and ``begun`` is told. ``working`` says for which trace a
    thread works that was handed something by a task.
    """

    def __init__(
        self, missed: Callable[[], None], begun: Callable[[EventLoop], None], block_ns: int
    ) -> None:
        self._missed = missed
        self._begun = begun
        self._block_ns = block_ns
        self.known: dict[int, EventLoop] = {}
        self.working: dict[int, Trace] = {}

    def here(self) -> EventLoop | None:
        """The loop that runs in this thread. Costs 0.2 microseconds."""
        loop = _get_running_loop()
        if loop is None:
            self._missed()
            return None
        known = self.known.get(id(loop))
        return known if known is not None and known.loop() is loop else self._take_in(loop)

    def of(self, loop: Any) -> EventLoop | None:
        """What is known of ``loop``; None before its first request."""
        known = self.known.get(id(loop))
        return known if known is not None and known.loop() is loop else None

    def forget(self, gone: EventLoop) -> None:
        """Let go of a loop that is not there any more."""
        for key, known in list(self.known.items()):
            if known is gone:
                del self.known[key]

    def _take_in(self, loop: Any) -> EventLoop:
        known = EventLoop(loop, get_ident(), self._block_ns)
        self.known[id(loop)] = known
        with guard:
            self._begun(known)
        return known
