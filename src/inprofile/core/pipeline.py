"""The one background thread: kept traces -> detectors -> storage and exporters."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence

from inprofile.core.guard import guard
from inprofile.core.model import Finding, Trace
from inprofile.core.recorder import release

TICK_S = 0.5
"""How long a kept trace may wait: a timer, so that keeping one wakes nobody up."""

MAX_WAITING = 1000
MAX_ROUTE_WAITING = 100
"""Traces that wait at most, in all and of one route: a noisy route leaves room for others."""

MANY = MAX_ROUTE_WAITING // 2
"""So many of one route do not wait for the timer: before long there would be no room for more."""

Detector = Callable[[Trace], Iterable[Finding]]
Kept = tuple[Trace, list[Finding]]
Drain = Callable[[Sequence[Kept]], None]


class Pipeline:
    """Takes kept traces off the request's path.

    ``detectors`` look at every trace, then each of ``drains`` (storage, span exporters) gets
    the batch with its findings; one that fails does not keep it from the others. ``ticks``
    are called once a tick with nothing to give (housekeeping). ``dropped`` is told how many
    were turned away, and ``woken`` is called first of all when the thread wakes up. The thread
    starts with the first trace and dies with ``stop``.
    """

    def __init__(
        self,
        detectors: Sequence[Detector],
        drains: Sequence[Drain],
        ticks: Sequence[Callable[[], None]] = (),
        dropped: Callable[[int], None] = lambda _count: None,
        woken: Callable[[], object] = lambda: None,
    ) -> None:
        self.detectors = detectors
        self.drains = drains
        self.ticks = ticks
        self.dropped = dropped
        self.woken = woken
        self._waiting: deque[Trace] = deque()
        self._routes: Counter[str] = Counter()
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread, once. Where none can be had, traces wait until they are dropped."""
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="inprofile", daemon=True)
            with guard:
                thread.start()
                self._thread = thread

    def put(self, trace: Trace) -> None:
        """Hand over a kept trace; never waits. Costs 0.3 microseconds."""
        waiting = self._waiting
        if len(waiting) >= MAX_WAITING or self._routes[trace.route] >= MAX_ROUTE_WAITING:
            release(trace)
            self.dropped(1)
            return
        self._idle.clear()
        self._routes[trace.route] += 1
        waiting.append(trace)
        if self._routes[trace.route] == MANY:
            self._wake.set()

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Wait until everything handed over so far went through; whether it did."""
        if self._thread is None:
            self._drain()
            return True
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self._wake.set()
            waiting = bool(self._waiting)
            if self._idle.wait(min(timeout_s, 0.05)) and not waiting:
                return True
        return False

    def stop(self, timeout_s: float = 2.0) -> None:
        """Let the thread finish what waits, for at most ``timeout_s``."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        self._thread = None

    def _run(self) -> None:
        while True:
            self._wake.wait(TICK_S)
            with guard:
                self.woken()
            self._wake.clear()
            self._drain()
            for tick in self.ticks:
                with guard:
                    tick()
            if self._stopping:
                return

    def _drain(self) -> None:
        batch: list[Kept] = []
        if self._waiting:
            self._idle.clear()  # before the queue is: flush() asks in the other order
        while self._waiting:
            trace = self._waiting.popleft()
            with guard:
                batch.append((trace, self._detect(trace)))
        if batch:
            for drain in self.drains:
                with guard:
                    drain(batch)
            for trace, _ in batch:
                self._routes[trace.route] -= 1
                release(trace)
        if not self._waiting:
            self._routes.clear()
            self._idle.set()

    def _detect(self, trace: Trace) -> list[Finding]:
        findings: list[Finding] = []
        for detect in self.detectors:
            with guard:
                findings += detect(trace)
        return findings
