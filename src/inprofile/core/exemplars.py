"""Exemplars: for each bucket of a histogram, the latest kept trace whose duration fell into it.

They are cells like others, so every worker can tell of those of all. A slot is written by one
thread and read by other processes at any time: what is being written is told by its two ends.
"""

import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from inprofile.core import labels
from inprofile.core.buckets import CLASSIC_S
from inprofile.core.cells import SLOT, Cells, Key
from inprofile.core.metrics import DB, EXEMPLARS_OF, HTTP_CLIENT, JOBS, REQUESTS, STAGE, Family
from inprofile.core.model import Location, Span, Trace
from inprofile.core.pipeline import Kept
from inprofile.core.recorder import Recorder

TIMED = frozenset({"db", "cache", "http"})
"""Kinds of spans that have histograms of their own."""

BOUNDS_NS = tuple(round(bound * 1e9) for bound in CLASSIC_S)
HALF = 1 << 64


class Exemplar(NamedTuple):
    """One observation: its trace and root span, its length, and when it was made."""

    trace_id: str
    span_id: str
    value_ns: int
    at_ns: int


def exemplify(cells: Cells, recorder: Recorder, batch: Iterable[Kept]) -> None:
    """Remember kept traces, each by the name that others know it by."""
    for trace, _ in batch:
        trace_id = recorder.identify(trace) if trace.caller is None else trace.caller.trace_id
        noted(cells, trace, trace_id, recorder.identify_span(trace.root))


def noted(cells: Cells, trace: Trace, trace_id: str, span_id: str) -> None:
    """Remember a kept trace wherever it was counted. Costs 3 microseconds for each such place."""
    of = (*divmod(int(trace_id, 16), HALF), int(span_id, 16))
    note = partial(_note, cells, of, time.time_ns())
    length_ns = trace.root.end_ns - trace.root.start_ns
    if trace.door == "http":
        note(REQUESTS, labels.request(trace), length_ns)
    elif trace.door != "websocket":
        note(JOBS, labels.job(trace), length_ns)
    for stage, self_ns in trace.stages.items():
        note(STAGE, (trace.route, stage), self_ns)
    for span in _longest(trace):
        if span.kind == "http":
            note(HTTP_CLIENT, labels.outbound(trace.route, span), span.duration_ns)
        else:
            *about, _text = labels.statement(trace.route, span)
            note(DB, (*about, ""), span.duration_ns // max(span.count, 1))


def _longest(trace: Trace) -> Iterable[Span]:
    """Of spans that say the same the longest."""
    longest: dict[tuple[str, str | Location], Span] = {}
    for span in trace.spans:
        if span.kind in TIMED:
            known = longest.get((span.kind, span.name))
            if known is None or span.duration_ns > known.duration_ns:
                longest[span.kind, span.name] = span
    return longest.values()


def _note(
    cells: Cells, of: Sequence[int], at_ns: int, family: Family, key: Key, value_ns: int
) -> None:
    with cells.lock:
        offset = cells.offset(EXEMPLARS_OF[family.name], key)
        at = offset + SLOT * bisect_left(BOUNDS_NS, value_ns)
        words = cells.words
        words[at] = 0
        words[at + 1], words[at + 2], words[at + 3] = of
        words[at + 4], words[at + 5] = value_ns, at_ns
        words[at] = at_ns


def found(words: Sequence[int]) -> Iterator[Exemplar]:
    """The exemplars of a series, by length."""
    for at in range(0, len(words), SLOT):
        at_ns, high, low, span, value_ns, until_ns = words[at : at + SLOT]
        if at_ns and at_ns == until_ns:
            yield Exemplar(f"{high * HALF + low:032x}", f"{span:016x}", value_ns, at_ns)


def newer(words: Sequence[int], others: Sequence[int]) -> list[int]:
    """Of each slot the newer one."""
    result: list[int] = []
    for at in range(0, len(words), SLOT):
        one, other = words[at : at + SLOT], others[at : at + SLOT]
        result += one if _age(one) >= _age(other) else other
    return result


def _age(slot: Sequence[int]) -> int:
    return slot[0] if slot[0] == slot[-1] else 0
