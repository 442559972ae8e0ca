"""A worker of a real group whose requests take the time that a test says."""

from collections.abc import Iterable
from pathlib import Path

from inprofile.core import metrics
from inprofile.core.buckets import layout
from inprofile.core.meter import Meter
from inprofile.core.model import Finding, Trace
from inprofile.core.recorder import Recorder, close_span, current, open_span
from inprofile.core.slots import claim
from inprofile.storage.store import Store
from tests.core.fake_clock import FakeClock

MS = 1_000_000
CAPACITY_BYTES = 4 << 20

Part = tuple
"""Kind, name, milliseconds and, for some, attributes of one operation."""


class Worker:
    """Claims cells in ``directory``, as a process of the group does, until ``end``."""

    def __init__(self, directory: Path, max_spans: int = 1000, slo_s: Iterable[float] = ()) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory = directory
        self.cells = claim(directory, layout(list(slo_s)), CAPACITY_BYTES)
        self.meter = Meter(self.cells)
        self.clock = FakeClock()
        self.recorder = Recorder(
            sink=self.meter.record,
            keep=self._keep,
            started=self.meter.started,
            clock=self.clock,
            max_spans=max_spans,
        )
        self.findings: list[Finding] = []

    def _keep(self, trace: Trace) -> None:
        Store(self.directory).store([(trace, self.findings)])
        self.meter.count(metrics.KEPT, trace.reason)

    def begin(self, route: str, method: str = "GET", door: str = "http") -> Trace:
        trace = self.recorder.begin(door, method, "http" if door == "http" else "")
        trace.route = route
        return trace

    def request(
        self,
        route: str,
        *parts: Part,
        method: str = "GET",
        status: int = 200,
        own_ms: float = 0,
        queue_ms: float = 0,
        door: str = "http",
        error: BaseException | None = None,
    ) -> Trace:
        """One whole trace: its parts after each other, then ``own_ms`` of its own."""
        trace = self.begin(route, method, door)
        trace.status = status if door == "http" else 0
        trace.queue_ns = round(queue_ms * MS)
        for kind, name, ms, *attributes in parts:
            span = open_span(trace.root, kind, name, attributes[0] if attributes else None)
            self.clock.advance(round(ms * MS))
            close_span(span)
        self.clock.advance(round(own_ms * MS))
        self.recorder.finish(trace, error)
        return trace

    def job(self, name: str, *parts: Part, own_ms: float = 0, error=None) -> Trace:
        return self.request(f"job:{name}", *parts, own_ms=own_ms, door="job", error=error)

    def end(self) -> None:
        """Die: the counts stay. What a door does after each trace is done here once."""
        current.set(None)
        self.cells.close()
