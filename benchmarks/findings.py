"""`python -m benchmarks findings`: what it costs to judge a finished trace, kept or not."""

import argparse
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from statistics import median

import inprofile
from benchmarks.counts import count
from benchmarks.machine import about, sentence
from benchmarks.table import Table, rendered
from inprofile.core.model import Trace
from inprofile.process import running

SUMMARY = "What it costs to count the findings of a finished trace."
EXAMPLES = """examples:
  scripts/bench findings
  scripts/bench findings --traces 50 --format md
"""
LIMIT_US = 50.0


@dataclass(frozen=True, slots=True)
class Row:
    """Microseconds to judge one trace: the fastest and the middle one; its ``findings``."""

    trace: str
    fastest_us: float
    median_us: float
    findings: int


def _loop(db: sqlite3.Connection, column: int, runs: int) -> None:
    for number in range(runs):
        db.execute(f"SELECT ? AS c{column}", (number,))


CASES: dict[str, tuple[tuple[int, ...], int]] = {
    "one loop of 200 queries": ((200,), 1),
    "a loop of 20 and 20 other queries": ((20, *[1] * 20), 1),
    "20 different queries": ((1,) * 20, 0),
}
"""Runs of each different statement, and how many findings that makes."""


def measure(traces: int) -> list[Row]:
    """Judge so many traces of every case. Raises RuntimeError where findings are not counted."""
    with tempfile.TemporaryDirectory(prefix="inprofile-bench-") as directory:
        inprofile.instrument(dir=directory, sample_rate=0.0, log_findings=False)
        try:
            with closing(sqlite3.connect(":memory:")) as db:
                return [_row(name, *case, db, traces) for name, case in CASES.items()]
        finally:
            inprofile.uninstrument()


def _row(
    name: str, statements: Sequence[int], findings: int, db: sqlite3.Connection, traces: int
) -> Row:
    runtime = running()
    assert runtime is not None
    with inprofile.job("opens the runtime"):
        pass
    judge, recorder = runtime.recorder.suspicious, runtime.recorder
    taken_ns: list[int] = []
    recorder.suspicious = _timed(judge, taken_ns)
    for _ in range(traces + 1):  # the first one finds places out and keeps a trace
        with inprofile.job(name):
            for column, runs in enumerate(statements):
                _loop(db, column, runs)
    recorder.suspicious = judge
    counted = runtime.read().series.get(("inprofile.findings", "n_plus_one", f"job:{name}"), [0])
    if counted[0] != findings * (traces + 1):
        raise RuntimeError(f"{name}: {counted[0]} findings in {traces + 1} traces")
    times = taken_ns[1:] or [0]  # what is not suspect is not judged
    return Row(name, min(times) / 1e3, median(times) / 1e3, findings)


def _timed(judge: Callable[[Trace], bool], taken_ns: list[int]) -> Callable[[Trace], bool]:
    def timed(trace: Trace) -> bool:
        start_ns = time.perf_counter_ns()
        is_kept = judge(trace)
        taken_ns.append(time.perf_counter_ns() - start_ns)
        return is_kept

    return timed


def table(rows: Sequence[Row]) -> Table:
    """Return the rows, each with what is promised."""
    header = ("µs per trace", "findings", "fastest", "median")
    cells = [
        (row.trace, str(row.findings), _held(row.fastest_us), f"{row.median_us:.1f}")
        for row in rows
    ]
    return Table("Judging a finished trace", header, cells)


def _held(fastest_us: float) -> str:
    return f"{fastest_us:.1f} ({'met' if fastest_us <= LIMIT_US else 'missed'}: {LIMIT_US:g})"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--traces", type=count, default=300, help="of each case (300)")
    parser.add_argument("--format", choices=("text", "md", "json"), default="text")
    parser.add_argument("--date", help="recorded as it is given")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print the table."""
    print(f"{arguments.traces} traces", file=sys.stderr, flush=True)
    rows = measure(arguments.traces)
    on = about(("inprofile",), arguments.date)
    if arguments.format == "json":
        print(json.dumps({"about": on, "rows": [asdict(row) for row in rows]}, indent=1))
    else:
        print(rendered([table(rows), [sentence(on)]], arguments.format))
    return 0
