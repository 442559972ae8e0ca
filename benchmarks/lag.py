"""`python -m benchmarks lag`: our quantiles of a real loop's lag against many timers' in it."""

import argparse
import asyncio
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

import inprofile
from benchmarks import loop_report
from benchmarks.counts import count
from benchmarks.loops import LOOPS
from benchmarks.table import Table
from inprofile import process
from inprofile.analysis.distribution import Distribution
from inprofile.analysis.event_loops import event_loops

SUMMARY = "How late a loop is that is blocked 80 ms of every 100: ours, and what other timers see."
EXAMPLES = """examples:
  scripts/bench lag
  scripts/bench lag --loop uvloop --seconds 600 --format md
"""
LENGTH_S, PERIOD_S = 0.08, 0.1
MOST_PERCENT = 5.0
RATE = 200.0
"""Timers of the truth a second, ten times as many as ours."""

Scope = MutableMapping[str, Any]


class Probe:
    """Timers that are due at random moments, and how late each of them was in seconds."""

    def __init__(self) -> None:
        self.lags: list[float] = []
        self._drawn = random.Random(7)  # noqa: S311 - moments
        self._due = 0.0

    def start(self) -> None:
        """Begin, in the loop that runs."""
        self._due = time.perf_counter()
        self._again()

    def quantile(self, q: float) -> float:
        """Of those until now."""
        return sorted(self.lags)[int(q * len(self.lags))]

    def _again(self) -> None:
        now = time.perf_counter()
        while self._due <= now:
            self._due += self._drawn.expovariate(RATE)
        asyncio.get_running_loop().call_later(self._due - now, self._come)

    def _come(self) -> None:
        now = time.perf_counter()
        while self._due <= now:
            self.lags.append(now - self._due)
            self._due += self._drawn.expovariate(RATE)
        self._again()


@dataclass(frozen=True, slots=True)
class Row:
    """One quantile in seconds: what it is, what we say, and how far that is off in percent."""

    q: float
    true: float
    ours: float
    off: float


async def app(scope: Scope, _receive: Any, send: Any) -> None:
    """One request that does something now and then until it is told to end: nobody dozes."""
    while not scope["ready"].is_set():  # noqa: ASYNC110 - it is about the steps
        await asyncio.sleep(0.05)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def blocked(app: Callable[..., Any], length_s: float, period_s: float, times: int) -> Probe:
    """Block the loop so often while a request is there; what timers saw of it."""
    ready, probe = asyncio.Event(), Probe()
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "ready": ready}
    request = asyncio.create_task(app(scope, _nothing, _nothing))
    await asyncio.sleep(0.1)
    probe.start()
    begun = time.perf_counter()
    for i in range(times):
        await asyncio.sleep(max(begun + i * period_s - time.perf_counter(), 0))
        until = time.perf_counter() + length_s
        while time.perf_counter() < until:
            pass
        if i % 100 == 0:
            print(f"{i * period_s:.0f} of {times * period_s:.0f} s", file=sys.stderr)
    ready.set()
    await request
    return probe


async def _nothing(*_message: Any) -> dict[str, Any]:
    return {"type": "http.request"}


def rows(probe: Probe, lag: Distribution) -> Iterator[Row]:
    """Compare quantile by quantile."""
    for q, ours_ns in ((0.5, lag.p50_ns), (0.95, lag.p95_ns), (0.99, lag.p99_ns)):
        true, ours = probe.quantile(q), ours_ns / 1e9
        yield Row(q, true, ours, 100 * (ours / true - 1))


def table(found: Sequence[Row], beats: int) -> Table:
    """Return the rows, with what is promised of each."""
    cells = [
        (
            f"p{100 * row.q:g}",
            f"{1e3 * row.true:.2f} ms",
            f"{1e3 * row.ours:.2f} ms",
            f"{row.off:+.1f} % ({'met' if abs(row.off) <= MOST_PERCENT else 'missed'}: 5)",
        )
        for row in found
    ]
    return Table(f"Lag of the event loop, {beats:,} looks", ("", "timers", "ours", "off"), cells)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--seconds", type=count, default=300, help="of blocks (300)")
    loop_report.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print the table."""
    with TemporaryDirectory(prefix="inprofile-bench-") as directory:
        os.environ |= {"INPROFILE_DIR": directory, "INPROFILE_LOG_FINDINGS": "0"}
        watched = inprofile.instrument(app)
        times = round(arguments.seconds / PERIOD_S)
        with asyncio.Runner(loop_factory=LOOPS[arguments.loop]) as runner:
            probe = runner.run(blocked(watched, LENGTH_S, PERIOD_S, times))
        running = process.running()
        assert running is not None
        (loop,) = event_loops(running.read())
        found = list(rows(probe, loop.lag))
        inprofile.uninstrument()
    loop_report.show(arguments, found, [table(found, loop.lag.count)])
    return 0
