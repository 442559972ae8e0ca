"""What a scrape tells of: one worker's cells on virtual time, or a small application."""

from pathlib import Path

import pytest
from fastapi import FastAPI, HTTPException

from inprofile.core.buckets import layout
from inprofile.core.cells import Cells
from inprofile.core.meter import Meter
from inprofile.core.recorder import Recorder, current, release
from inprofile.core.slots import Snapshot
from inprofile.exporters.prometheus.exposition import exposition
from tests.core.fake_clock import FakeClock
from tests.exporters.exposed import whole

linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


class Fed:
    """One worker's cells on virtual time, and what a scrape of them says."""

    def __init__(self, slo_ms=()):
        self.clock = FakeClock()
        self.cells = Cells(None, layout([ms / 1000 for ms in slo_ms]), 24 << 20)
        self.meter = Meter(self.cells)
        self.recorder = Recorder(
            sink=self.meter.record, keep=release, started=self.meter.started, clock=self.clock
        )

    def request(self, length_ns=1_000, *, route="/orders/{id}", method="GET", status=200):
        trace = self.recorder.begin("http", method, "https")
        trace.route, trace.status = route, status
        self.clock.advance(length_ns)
        self.recorder.finish(trace)

    def job(self, name):
        trace = self.recorder.begin("job")
        trace.route = name
        self.recorder.finish(trace)

    def snapshot(self):
        return Snapshot(list(self.cells.bounds), self.cells.copied())

    def scrape(self, accept=""):
        return whole(exposition(self.snapshot(), accept))[0]

    def close(self):
        current.set(None)
        self.cells.close()


def shop():
    """A small application that answers in every way."""
    app = FastAPI()

    @app.get("/items/{number}")
    async def item(number: int):
        return number

    @app.post("/items")
    async def create():
        raise HTTPException(409)

    @app.get("/broken")
    def broken():
        raise RuntimeError("broken")

    return app
