"""`python -m benchmarks calls`: what a recorded call of a library costs over its own."""

import argparse
import json
import logging
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass

import jinja2
import orjson

import inprofile
from benchmarks.counts import count
from benchmarks.machine import about, sentence
from benchmarks.table import Table, rendered
from inprofile.testing import record

SUMMARY = "What one call of a library costs: bare, outside of a trace, and recorded in one."
EXAMPLES = """examples:
  scripts/bench calls
  scripts/bench calls --rounds 5 --batches 20 --format md
"""
IDLE_US, RECORDED_US = 0.4, 2.0
CALLS = 100
"""In one batch, and in one trace: each call bears a hundredth of what its trace costs."""

Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Row:
    """Microseconds of one call: its own, and what is added outside and inside of a trace."""

    call: str
    bare_us: float
    idle_us: float
    recorded_us: float


@contextmanager
def _logged() -> Iterator[Call]:
    logger = logging.getLogger("benchmarks.calls")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.handlers = [logging.NullHandler()]
    yield lambda: logger.info("order %d", 17)


@contextmanager
def _rendered() -> Iterator[Call]:
    template = jinja2.Environment(autoescape=True).from_string("Hello {{ name }}!")
    yield lambda: template.render(name="Ann")


@contextmanager
def _executed() -> Iterator[Call]:
    with closing(sqlite3.connect(":memory:")) as db:
        cursor = db.cursor()
        yield lambda: cursor.execute("SELECT 1")


@contextmanager
def _executed_and_fetched() -> Iterator[Call]:
    with closing(sqlite3.connect(":memory:")) as db:
        cursor = db.cursor()

        def call() -> object:
            cursor.execute("SELECT 1")
            return cursor.fetchall()

        yield call


CASES: dict[str, Callable[[], AbstractContextManager[Call]]] = {
    "`json.dumps`": lambda: nullcontext(lambda: json.dumps({"id": 17})),
    "`orjson.dumps`": lambda: nullcontext(lambda: orjson.dumps({"id": 17})),
    "`Logger.info`": _logged,
    "Jinja2: `Template.render`": _rendered,
    "sqlite3: `execute`": _executed,
    "sqlite3: `execute`, `fetchall`": _executed_and_fetched,
}
"""What makes a call ready, once in each state: wrappers may be looked up when it is made."""


def measure(rounds: int, batches: int) -> list[Row]:
    """Time every case bare, idle and recorded in every round. Raises RuntimeError."""
    times: dict[str, list[tuple[float, float, float]]] = {name: [] for name in CASES}
    with tempfile.TemporaryDirectory(prefix="inprofile-bench-") as directory:
        for _ in range(rounds):
            bare = {}
            for name, ready in CASES.items():
                with ready() as call:
                    bare[name] = fastest(call, batches)
            inprofile.instrument(dir=directory, sample_rate=0.0)
            try:
                for name, ready in CASES.items():
                    with ready() as call:
                        check(name, call)
                        idle = fastest(call, batches)
                        recorded = fastest(call, batches, in_trace=True)
                    times[name].append((bare[name], idle - bare[name], recorded - bare[name]))
            finally:
                inprofile.uninstrument()
    return [
        Row(name, *(statistics.median(column) for column in zip(*found, strict=True)))
        for name, found in times.items()
    ]


def check(name: str, call: Call) -> None:
    """Make sure that every call is recorded. Raises RuntimeError."""
    with record() as recorded:
        _in_trace(call)
    counted = sum(span.count for span in recorded.trace.spans if span.parent is not None)
    if counted != CALLS:
        raise RuntimeError(f"{name}: {counted} of {CALLS} calls were recorded")


def fastest(call: Call, batches: int, *, in_trace: bool = False) -> float:
    """Return the microseconds of one call in the fastest of some batches."""
    batch = _in_trace if in_trace else _batch
    batch(call)
    return min(batch(call) for _ in range(batches)) / CALLS / 1e3


def _batch(call: Call) -> int:
    start_ns = time.perf_counter_ns()
    for _ in range(CALLS):
        call()
    return time.perf_counter_ns() - start_ns


def _in_trace(call: Call) -> int:
    start_ns = time.perf_counter_ns()
    with inprofile.job("calls"):
        for _ in range(CALLS):
            call()
    return time.perf_counter_ns() - start_ns


def table(rows: Sequence[Row]) -> Table:
    """Return the rows, each with what is promised."""
    header = ("µs per call", "bare", "added outside of a trace", "added when recorded")
    cells = [
        (
            row.call,
            f"{row.bare_us:.2f}",
            _held(row.idle_us, IDLE_US),
            _held(row.recorded_us, RECORDED_US),
        )
        for row in rows
    ]
    return Table("One call of a library", header, cells)


def _held(added_us: float, limit_us: float) -> str:
    return f"{added_us:+.2f} ({'met' if added_us <= limit_us else 'missed'}: {limit_us:g})"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--rounds", type=count, default=9, help="bare and instrumented (9)")
    parser.add_argument("--batches", type=count, default=100, help=f"of {CALLS} calls each (100)")
    parser.add_argument("--format", choices=("text", "md", "json"), default="text")
    parser.add_argument("--date", help="recorded as it is given")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print the table."""
    print(f"{arguments.rounds} rounds", file=sys.stderr, flush=True)
    rows = measure(arguments.rounds, arguments.batches)
    on = about(("inprofile", "jinja2", "orjson"), arguments.date)
    if arguments.format == "json":
        print(json.dumps({"about": on, "rows": [asdict(row) for row in rows]}, indent=1))
    else:
        print(rendered([table(rows), [sentence(on)]], arguments.format))
    return 0
