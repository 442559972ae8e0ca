"""`python -m benchmarks spans`: what a kept trace costs as OpenTelemetry's spans."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import set_span_in_context

import inprofile
from benchmarks.counts import count
from benchmarks.machine import about, sentence
from benchmarks.table import Table, rendered
from inprofile.core.model import Trace
from inprofile.exporters.otel_spans.handing import handing
from inprofile.exporters.otel_spans.records import Record, records
from inprofile.process import running

SUMMARY = "What a kept trace costs as OpenTelemetry's spans."
EXAMPLES = """examples:
  scripts/bench spans
  scripts/bench spans --traces 50 --format md
"""
OPERATIONS = 20
SDK = "the SDK's own, on the request"
FAST = "ours, in the background"
STRICT = "ours, strict, in the background"


@dataclass(frozen=True, slots=True)
class Row:
    """Microseconds a span in the fastest and the middle trace; the middle one's part of SDK's."""

    way: str
    fastest_us: float
    median_us: float
    ratio: float


class Queue(SpanProcessor):
    """What a batch does with a span on the thread that ends it."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


def measure(traces: int) -> list[Row]:
    """Export one trace so many times in each way. Raises RuntimeError where a span is missing."""
    provider, queue = TracerProvider(shutdown_on_exit=False), Queue()
    provider.add_span_processor(queue)
    trace = _kept()
    known = records(trace.recorder, trace, ())
    fast, strict = (handing(provider, strict=each) for each in (False, True))
    ways: dict[str, Callable[[], object]] = {
        SDK: lambda: _live(provider, known),
        FAST: lambda: fast(records(trace.recorder, trace, ())),
        STRICT: lambda: strict(records(trace.recorder, trace, ())),
    }
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(traces):
        for way, export in ways.items():
            start_ns = time.perf_counter_ns()
            export()
            taken[way].append((time.perf_counter_ns() - start_ns) / 1e3 / len(known))
            if len(queue.spans) != len(known):
                raise RuntimeError(f"{way}: {len(queue.spans)} spans of {len(known)}")
            queue.spans.clear()
    base_us = median(taken[SDK])
    return [
        Row(way, min(times), median(times), median(times) / base_us) for way, times in taken.items()
    ]


def _kept() -> Trace:
    """A trace with so many operations."""
    found: list[Trace] = []
    with tempfile.TemporaryDirectory(prefix="inprofile-bench-") as directory:
        inprofile.instrument(dir=directory, sample_rate=1.0)
        runtime = running()
        assert runtime is not None
        runtime.recorder.keep = found.append
        with inprofile.job("order"):
            for number in range(OPERATIONS):
                with inprofile.span(f"step {number}"):
                    pass
        inprofile.uninstrument()
    return found[0]


def _live(provider: TracerProvider, known: Sequence[Record]) -> None:
    """The same spans as an instrumentation makes them."""
    tracer = provider.get_tracer("live")
    root, *others = known
    outer = tracer.start_span(root.name, Context(), root.kind, root.attributes)
    within = set_span_in_context(outer, Context())
    for one in others:
        tracer.start_span(one.name, within, one.kind, one.attributes).end()
    outer.end()


def table(rows: Sequence[Row]) -> Table:
    """Return the rows."""
    header = ("µs per span", "fastest", "median", "of the SDK's")
    cells = [
        (row.way, f"{row.fastest_us:.1f}", f"{row.median_us:.1f}", f"{row.ratio:.2f} ×")
        for row in rows
    ]
    return Table(f"A kept trace of {OPERATIONS + 1} spans", header, cells)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--traces", type=count, default=300, help="in each way (300)")
    parser.add_argument("--format", choices=("text", "md", "json"), default="text")
    parser.add_argument("--date", help="recorded as it is given")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print the table."""
    print(f"{arguments.traces} traces", file=sys.stderr, flush=True)
    rows = measure(arguments.traces)
    on = about(("inprofile", "opentelemetry-sdk"), arguments.date)
    if arguments.format == "json":
        print(json.dumps({"about": on, "rows": [asdict(row) for row in rows]}, indent=1))
    else:
        print(rendered([table(rows), [sentence(on)]], arguments.format))
    return 0
