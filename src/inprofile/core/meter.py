"""Writes finished traces into the cells: exact for every request, never sampled."""

import os
import sys
from bisect import bisect_left
from collections.abc import Callable
from functools import cached_property
from typing import Any

from inprofile.core import labels, metrics
from inprofile.core.cells import LARGEST_WORD, Cells
from inprofile.core.metrics import TOTAL, Family
from inprofile.core.model import Location, Span, Trace

NAMED = ("middleware", "dependencies", "serialization", "logging", "template")
"""Stages whose spans are also counted by name; db, cache and http have histograms."""

BAD_REQUEST = 400
FAILURES = 0.5
"""Of the cap on request series, what failures may take: a scanner that tries every method on
every route leaves the other half to the routes' successes."""

MAX_CACHED = 4096
"""Offsets remembered in one table; above it the cells' own table is asked."""


_LOCKED = not getattr(sys, "_is_gil_enabled", lambda: True)()
"""Whether adding to a word needs a lock. With the GIL it does not: CPython switches threads
at calls, function starts and backward jumps only, and ``words[i] += n`` has none of these.
A test hammers one cell from eight threads on every version that we support."""


class Meter:
    """Counts traces into one worker's cells.

    Costs 4 microseconds for a request of seven stages. Labels of what a cap turns away are
    the overflow value; the cells count it.
    """

    def __init__(self, cells: Cells) -> None:
        self.cells = cells
        self._words = cells.words
        self._active: dict[tuple[str, str], int] = {}
        self._routes: dict[str, _Route] = {}
        self._answered = cells.offset(metrics.WORKER_REQUESTS, (str(os.getpid()),))

    def started(self, trace: Trace) -> None:
        """Count a request that begins."""
        if trace.door != "http":
            return
        at = self._active.get((trace.method, trace.scheme)) or self._add_active(trace)
        if _LOCKED:
            with self.cells.lock:
                self._words[at] += 1
        else:
            self._words[at] += 1

    @property
    def active(self) -> int:
        """How many requests are under way in this process. From any thread."""
        active = sum(self._words[at] for at in set(self._active.values())) & LARGEST_WORD
        return 0 if active >> 63 else active  # of a fork's, one that had begun before it ends

    def record(self, trace: Trace) -> None:
        """Count a finished trace."""
        if _LOCKED:
            with self.cells.lock:
                self._record(trace)
        else:
            self._record(trace)

    def _record(self, trace: Trace) -> None:  # noqa: C901, PLR0912, PLR0915 - see below
        """Written out rather than called: eight histograms of every request pass here."""
        route = self._routes.get(trace.route) or self._add_route(trace.route)
        words, bounds, root = self._words, self.cells.bounds, trace.root
        if trace.door == "http":
            outcome = trace.method, trace.status, trace.scheme, root.error
            at, under_way = route.requests.get(outcome) or route.request(outcome, trace)
            length_ns = root.end_ns - root.start_ns
            words[at] += length_ns
            if length_ns > words[at + 1]:
                words[at + 1] = length_ns
            words[at + 2 + bisect_left(bounds, length_ns)] += 1
            words[under_way] = (words[under_way] - 1) & LARGEST_WORD
            words[self._answered] += 1
            if trace.streamed:
                self.cells.observe(route.first_byte, trace.first_byte_ns - root.start_ns)
        else:
            self._other(trace)
        stages = route.stages
        for stage, self_ns in trace.stages.items():
            at = stages[stage]
            words[at] += self_ns
            words[at + 2 + bisect_left(bounds, self_ns)] += 1
        operations = route.operations
        for span in trace.spans:
            kind = span.kind
            names = operations.get(kind)
            if names is not None:
                at = names[span.name]
                words[at] += span.self_ns
                words[at + 2] += span.count
            elif kind in {"db", "cache"}:
                known = route.statements if kind == "db" else route.commands
                at = known.get(span.name) or route.statement(span, known)
                length_ns = span.end_ns - span.start_ns
                if span.moved_ns > 0:
                    length_ns += span.moved_ns
                words[at] += length_ns
                count = span.count
                if count:  # a fetch adds time alone
                    if count > 1:
                        length_ns //= count
                    if length_ns > words[at + 1]:
                        words[at + 1] = length_ns
                    words[at + 2 + bisect_left(bounds, length_ns)] += count
            elif kind == "http":
                self.cells.observe(route.outbound(span), span.duration_ns)
        if trace.steps:
            at, length_ns = route.on_loop, trace.on_loop_ns
            words[at] += length_ns
            if length_ns > words[at + 1]:
                words[at + 1] = length_ns
            words[at + 2 + bisect_left(bounds, length_ns)] += 1
        if trace.dropped:
            self.count(metrics.DROPPED, "spans", amount=trace.dropped)

    def count(self, family: Family, *labels: str, amount: int = 1) -> None:
        """Add to a counter."""
        with self.cells.lock:
            self.cells.add(self.cells.offset(family, labels), amount)

    def observe(self, family: Family, *labels: str, value_ns: int) -> None:
        """Add one duration to a histogram or a total."""
        cells = self.cells
        with cells.lock:
            if family.type == TOTAL:
                cells.tally(cells.offset(family, labels), value_ns, 1)
            else:
                cells.observe(cells.offset(family, labels), value_ns)

    def put(self, family: Family, *labels: str, value: int) -> None:
        """Set a gauge."""
        with self.cells.lock:
            self.cells.put(self.cells.offset(family, labels), value)

    def _other(self, trace: Trace) -> None:
        cells, root = self.cells, trace.root
        length_ns = root.end_ns - root.start_ns
        if trace.door == "websocket":
            cells.observe(cells.offset(metrics.WEBSOCKETS, (trace.route,)), length_ns)
            received, sent = trace.messages or (0, 0)
            self.count(metrics.MESSAGES, trace.route, "received", amount=received)
            self.count(metrics.MESSAGES, trace.route, "sent", amount=sent)
        else:
            cells.observe(cells.offset(metrics.JOBS, labels.job(trace)), length_ns)

    def _add_active(self, trace: Trace) -> int:
        offset = self.cells.offset(metrics.ACTIVE, (trace.method, trace.scheme))
        if len(self._active) < MAX_CACHED:
            self._active[trace.method, trace.scheme] = offset
        return offset

    def _add_route(self, name: str) -> "_Route":
        route = _Route(self.cells, name)
        if len(self._routes) < MAX_CACHED:
            self._routes[name] = route
        return route


class _Offsets(dict[Any, int]):
    """Offsets of one family's series for one route, found at their first use."""

    def __init__(self, find: Callable[[Any], int]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, name: Any) -> int:
        offset = self._find(name)
        if len(self) < MAX_CACHED:
            self[name] = offset
        return offset


class _Route:
    """The offsets of one route's cells."""

    def __init__(self, cells: Cells, route: str) -> None:
        self.cells = cells
        self.route = route
        self.requests: dict[tuple[str, int, str, str | None], tuple[int, int]] = {}
        self.stages = _Offsets(lambda stage: cells.offset(metrics.STAGE, (route, stage)))
        self.operations = {kind: _Offsets(self._operation(kind)) for kind in NAMED}
        self.statements: dict[str | Location, int] = {}
        self.commands: dict[str | Location, int] = {}

    @cached_property
    def on_loop(self) -> int:
        return self.cells.offset(metrics.ON_LOOP, (self.route,))

    @property
    def first_byte(self) -> int:
        return self.cells.offset(metrics.FIRST_BYTE, (self.route,))

    def _operation(self, kind: str) -> Callable[[Any], int]:
        return lambda name: self.cells.offset(metrics.OPERATION, (self.route, kind, str(name)))

    def request(self, key: tuple[str, int, str, str | None], trace: Trace) -> tuple[int, int]:
        """The offsets of the duration and of the requests under way."""
        method, status, scheme, _ = key
        share = 1.0 if status and status < BAD_REQUEST else FAILURES
        offsets = (
            self.cells.offset(metrics.REQUESTS, labels.request(trace), share),
            self.cells.offset(metrics.ACTIVE, (method, scheme)),
        )
        if len(self.requests) < MAX_CACHED:
            self.requests[key] = offsets
        return offsets

    def statement(self, span: Span, known: dict[str | Location, int]) -> int:
        """The offset of what a database or a cache is told."""
        offset = self.cells.offset(metrics.DB, labels.statement(self.route, span))
        if len(known) < MAX_CACHED:
            known[span.name] = offset
        return offset

    def outbound(self, span: Span) -> int:
        """The offset of a request that is sent."""
        return self.cells.offset(metrics.HTTP_CLIENT, labels.outbound(self.route, span))
