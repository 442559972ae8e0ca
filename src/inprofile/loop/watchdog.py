"""The thread that looks at event loops while they are held up."""

import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping

from inprofile.core.event_loop import EventLoop, nothing
from inprofile.core.guard import guard
from inprofile.core.model import Pause, StackSample, Trace
from inprofile.core.suffering import is_contended
from inprofile.loop.alarm import alarm
from inprofile.loop.sampling import burners, sample
from inprofile.loop.usage import ThreadUsage, Usage

MOST_NS = 25_000_000
LEAST_NS = 5_000_000
REST_NS = 1_000_000_000
"""How long the thread sleeps: at most half of what a pause takes, so that a step is seen before it
has run for so long, and is then looked at just when it has. A second while all loops doze: what
begins in one of them sets the alarm."""

BETWEEN_NS = 10_000_000
"""Between the first two looks at one pause; then twice as long, and so on up to MOST_NS."""

STARVED_NS = 15_000_000
"""Who waits so long for the interpreter waits for native code: Python's lets it go three times in
this time."""

OLD_NS = 200_000_000
"""What was used so long before a pause says little of it."""

RECENT_NS = 500_000_000
"""Who was seen to compute so long before a pause is taken to have done so in it."""

MAX_THREADS = 1024
"""Threads whose processor time is remembered."""

MAX_SAMPLES = 32
MAX_USAGES = 64
"""What is remembered of one loop."""


class Watched:
    """What is known of one loop under watch."""

    def __init__(self, known: EventLoop, native: int) -> None:
        self.known = known
        self.usage = ThreadUsage(native)
        self.usages: deque[Usage] = deque([self.usage.read()], maxlen=MAX_USAGES)
        self.samples: deque[StackSample] = deque(maxlen=MAX_SAMPLES)
        self.callback: object = None
        """Of the latest look: held until the next one, or it would look like the one after it."""
        self.between_ns = BETWEEN_NS
        self.halted: Callable[[], None] = _nobody

    def held_ns(self, now_ns: int) -> int:
        """How long the loop has been at one thing, or its heartbeat is overdue."""
        known = self.known
        running_ns = now_ns - known.began_ns if known.running is not None else 0
        round_ns = known.round_ns
        return max(running_ns, now_ns - known.due_ns, now_ns - round_ns if round_ns else 0)

    def rests(self) -> bool:
        """Whether nothing goes on in the loop."""
        return self.known.dozes and not self.known.round_ns

    def explain(self, pause: Pause) -> None:
        """Say of a pause that is over what is known of it."""
        end = self.usage.read()
        begin = self._before(pause)
        length_ns = pause.length_ns
        between_ns = max(end.at_ns - begin.at_ns, 1)
        grown = max(length_ns / between_ns, 1.0)
        if begin.thread_ns is not None and end.thread_ns is not None:
            spent_ns = end.thread_ns - begin.thread_ns
            pause.cpu_ns = min(round(grown * spent_ns), length_ns)
            others_ns = end.process_ns - begin.process_ns - spent_ns
            pause.others_ns = max(round(grown * others_ns), 0)
        if begin.queued_ns is not None and end.queued_ns is not None:
            # It may have been queued before the pause, too: the usual part of it is taken.
            part = (end.queued_ns - begin.queued_ns) / between_ns
            pause.queued_ns = round(min(part, 1.0) * length_ns)
        if begin.slices is not None and end.slices is not None:
            pause.slices = round(grown * (end.slices - begin.slices))
        samples = [one for one in list(self.samples) if one.at_ns >= pause.start_ns]
        pause.samples = tuple(one for one in samples if one.at_ns <= pause.end_ns)
        if not pause.samples and is_contended(pause):  # threads that compute do so for longer
            since_ns = pause.start_ns - RECENT_NS
            pause.samples = tuple(one for one in list(self.samples)[-1:] if one.at_ns > since_ns)
        late_ns = [min(one.late_ns, one.at_ns - pause.start_ns) for one in pause.samples]
        pause.starved_ns = sum(late for late in late_ns if late > STARVED_NS)

    def _before(self, pause: Pause) -> Usage:
        """What was used by the begin of a pause; where that was not looked at, soon after it."""
        usages = list(self.usages)
        oldest_ns = pause.start_ns - OLD_NS
        before = [one for one in usages if oldest_ns <= one.at_ns <= pause.start_ns]
        after = [one for one in usages if one.at_ns > pause.start_ns]
        return before[-1] if before else after[0] if after else usages[-1]


def _nobody() -> None:
    """Nobody has to know."""


class Watchdog:
    """Watches event loops from a thread of its own, for as long as there are any.

    ``block_ns`` is how long a loop is held up when it is looked at. It wakes up 40 times a second,
    which was measured to take 0.8 % of one core of a virtual machine, and once while all doze.
    """

    def __init__(
        self,
        block_ns: int,
        gone: Callable[[EventLoop], None],
        working: Mapping[int, Trace],
        clock: Callable[[], int],
    ) -> None:
        self._block_ns = block_ns
        self._sleep_ns = max(min(MOST_NS, block_ns // 2), LEAST_NS)
        self._gone = gone
        self._working = working
        self._clock = clock
        self._watched: dict[EventLoop, Watched] = {}
        self._lock = threading.Lock()
        self._alarm = alarm()
        self._soon = self._alarm.setting(self._sleep_ns)
        self._much_later = self._alarm.setting(REST_NS)
        self._until_ns = 1 << 62
        self._thread: threading.Thread | None = None
        self._is_stopping = False
        self._spent_ns: dict[int, int] = {}

    def watch(self, known: EventLoop) -> Watched:
        """Watch one more loop; to be called in its thread."""
        watched = Watched(known, threading.get_native_id())
        with self._lock:
            self._watched[known] = watched
            self._appoint()
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="inprofile-loop", daemon=True)
                thread.start()
                self._thread = thread
        return watched

    def stop(self, timeout_s: float = 2.0) -> None:
        """End the thread, and give back what it has open."""
        self._is_stopping = True
        if self._thread is not None:
            for watched in list(self._watched.values()):
                watched.known.unwatch()
            self._alarm.setting(0)()
            if self._thread is not threading.current_thread():
                self._thread.join(timeout_s)
            self._thread = None

    def close(self) -> None:
        """Give back what is open; the thread does so at its end, which a fork does not have."""
        for watched in self._watched.values():
            watched.known.unwatch()
            watched.usage.close()
        self._watched.clear()
        self._alarm.close()

    def hurry(self) -> None:
        """A loop dozes no more: look at it when what it does takes long."""
        self._until_ns = self._clock() + self._sleep_ns
        self._soon()

    def _appoint(self) -> None:
        """A loop that is alone sets the alarm while it dozes; several would undo each other's."""
        for watched in self._watched.values():
            known = watched.known
            if len(self._watched) == 1:
                known.stirs, known.rests = self._soon, self._much_later
            else:
                known.stirs = known.rests = nothing
        self._soon()

    def rests(self) -> bool:
        """Whether there is nothing to look at for now."""
        everybody = list(self._watched.values())
        if self._is_stopping or len(everybody) > 1:
            return False
        return all(watched.rests() for watched in everybody)

    def glance(self) -> int:
        """Look at every loop that is held up; in how many nanoseconds to look again.

        From any thread that has just come by the interpreter: where native code has held it, all
        who have waited for it run before the loop does, and each may be the last to see what it
        was.
        """
        now_ns = self._clock()
        late_ns = max(now_ns - self._until_ns, 0)
        everybody = list(self._watched.values())
        # Who has had to wait for the interpreter may have to again: it looks sooner.
        least_ns = self._block_ns if late_ns < STARVED_NS else self._block_ns // 2
        with guard:
            if any(watched.held_ns(now_ns) >= least_ns for watched in everybody):
                self._sample(everybody, now_ns, late_ns, least_ns)
        wait_ns = self._sleep_ns
        for watched in everybody:
            with guard:
                wait_ns = min(wait_ns, self._next(watched))
        if self._clock() - now_ns <= LEAST_NS:
            return wait_ns
        # What follows the looks lets the loop go on, and its native code has kept us since then.
        self._until_ns = now_ns
        return 0

    def _run(self) -> None:
        while not self._is_stopping:
            wait_ns = self.glance()
            if not wait_ns:
                continue
            self._until_ns = self._clock() + wait_ns
            if self.rests():
                self._much_later()
                if not self.rests():  # since then
                    self._soon()
            else:
                self._alarm.setting(wait_ns)()
            self._alarm.wait()
            for watched in list(self._watched.values()):
                if watched.known.dozes:  # it has set the alarm, or nobody has
                    since_ns = watched.known.round_ns or self._clock()
                    self._until_ns = max(self._until_ns, since_ns + self._sleep_ns)
        self.close()

    def _sample(self, everybody: list[Watched], now_ns: int, late_ns: int, least_ns: int) -> None:
        """Look at the loops that are held up. Nothing in here lets them go on."""
        frames = sys._current_frames()  # noqa: SLF001 - of other threads
        if len(self._spent_ns) > MAX_THREADS:
            self._spent_ns.clear()
        loops = [watched.known.thread for watched in everybody]
        others = burners(frames, loops, self._spent_ns, self._working)
        for watched in everybody:
            if watched.held_ns(now_ns) >= least_ns:
                found, watched.callback = sample(watched.known, frames, now_ns, late_ns)
                watched.samples.append(found._replace(burners=others))

    def _next(self, watched: Watched) -> int:
        """In how many nanoseconds to look at a loop again."""
        held_ns = watched.held_ns(self._clock())
        if held_ns < self._block_ns:
            return self._free(watched, held_ns)
        loop = watched.known.loop()
        if loop is None or not loop.is_running():
            self._halted(watched)
            return self._sleep_ns
        wait_ns = watched.between_ns
        watched.between_ns = min(2 * wait_ns, MOST_NS)
        return wait_ns

    def _free(self, watched: Watched, held_ns: int) -> int:
        watched.between_ns = BETWEEN_NS
        watched.callback = None
        watched.usages.append(watched.usage.read())
        return min(max(self._block_ns - held_ns, LEAST_NS), self._sleep_ns)

    def _halted(self, watched: Watched) -> None:
        """The loop does not run: it is over, or somebody runs it now and then."""
        watched.samples.clear()
        watched.callback = None
        watched.halted()
        loop = watched.known.loop()
        if loop is None or loop.is_closed():
            with self._lock:
                self._watched.pop(watched.known, None)
                self._appoint()
            watched.usage.close()
            self._gone(watched.known)
