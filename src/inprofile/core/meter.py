"""Writes finished traces into the cells: exact for every request, never sampled."""

import sys

from inprofile.core import metrics
from inprofile.core.cells import Cells
from inprofile.core.metrics import Family
from inprofile.core.model import OTHER, Location, Span, Trace

NAMED = frozenset({"middleware", "dependencies", "handler", "serialization", "logging", "template"})
"""Stages whose spans are also counted by name; db and http have histograms of their own."""

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
        self._active: dict[tuple[str, str], int] = {}
        self._routes: dict[str, _Route] = {}

    def started(self, trace: Trace) -> None:
        """Count a request that begins."""
        if trace.door == "http":
            self._under_way(trace, 1)

    def record(self, trace: Trace) -> None:
        """Count a finished trace."""
        if _LOCKED:
            with self.cells.lock:
                self._record(trace)
        else:
            self._record(trace)

    def _record(self, trace: Trace) -> None:
        route = self._routes.get(trace.route)
        if route is None:
            route = _Route(self.cells, trace.route)
            if len(self._routes) < MAX_CACHED:
                self._routes[trace.route] = route
        observe = self.cells.observe
        if trace.door == "http":
            self._request(trace, route)
        else:
            self._other(trace)
        stages = route.stages
        for stage, self_ns in trace.stages.items():
            observe(stages[stage] if stage in stages else route.stage(stage), self_ns)
        for span in trace.spans:
            kind = span.kind
            if kind in NAMED:
                self.cells.tally(route.operation(span), span.self_ns, span.count)
            elif kind == "db":
                if span.count:
                    observe(route.statement(span), span.duration_ns // span.count)
            elif kind == "http":
                observe(route.outbound(span), span.duration_ns)
        if trace.dropped:
            self.count(metrics.DROPPED, "spans", amount=trace.dropped)

    def count(self, family: Family, *labels: str, amount: int = 1) -> None:
        """Add to a counter."""
        with self.cells.lock:
            self.cells.add(self.cells.offset(family, labels), amount)

    def _request(self, trace: Trace, route: "_Route") -> None:
        root = trace.root
        key = (trace.method, trace.status, trace.scheme, root.error)
        offset = route.requests.get(key)
        if offset is None:
            offset = route.request(key, trace.error)
        observe = self.cells.observe
        observe(offset, root.end_ns - root.start_ns)
        if trace.first_byte_ns:
            observe(route.first_byte, trace.first_byte_ns - root.start_ns)
        self._under_way(trace, -1)

    def _other(self, trace: Trace) -> None:
        cells, root = self.cells, trace.root
        length_ns = root.end_ns - root.start_ns
        if trace.door == "websocket":
            cells.observe(cells.offset(metrics.WEBSOCKETS, (trace.route,)), length_ns)
            received, sent = trace.messages or (0, 0)
            self.count(metrics.MESSAGES, trace.route, "received", amount=received)
            self.count(metrics.MESSAGES, trace.route, "sent", amount=sent)
        else:
            labels = (trace.route, trace.error or "")
            cells.observe(cells.offset(metrics.JOBS, labels), length_ns)

    def _under_way(self, trace: Trace, change: int) -> None:
        key = (trace.method, trace.scheme)
        cells = self.cells
        offset = self._active.get(key)
        if offset is None:
            offset = cells.offset(metrics.ACTIVE, key)
            if len(self._active) < MAX_CACHED:
                self._active[key] = offset
        if _LOCKED:
            with cells.lock:
                cells.words[offset] += change
        else:
            cells.words[offset] += change


class _Route:
    """The offsets of one route's cells, found once."""

    def __init__(self, cells: Cells, route: str) -> None:
        self.cells = cells
        self.route = route
        self.requests: dict[tuple[str, int, str, str | None], int] = {}
        self.stages: dict[str, int] = {}
        self.operations: dict[str, dict[str | Location, int]] = {}
        self.statements: dict[str | Location, int] = {}
        self.first_byte = cells.offset(metrics.FIRST_BYTE, (route,))

    def stage(self, stage: str) -> int:
        offset = self.cells.offset(metrics.STAGE, (self.route, stage))
        self.stages[stage] = offset
        return offset

    def request(self, key: tuple[str, int, str, str | None], error: str | None) -> int:
        method, status, scheme, _ = key
        labels = (method, self.route, str(status) if status else "", scheme, error or "")
        offset = self.cells.offset(metrics.REQUESTS, labels)
        if len(self.requests) < MAX_CACHED:
            self.requests[key] = offset
        return offset

    def operation(self, span: Span) -> int:
        known = self.operations.get(span.kind)
        if known is None:
            known = self.operations[span.kind] = {}
        offset = known.get(span.name)
        if offset is None:
            labels = (self.route, span.kind, str(span.name))
            offset = self.cells.offset(metrics.OPERATION, labels)
            _remember(known, span.name, offset)
        return offset

    def statement(self, span: Span) -> int:
        offset = self.statements.get(span.name)
        if offset is None:
            about = span.attributes or {}
            labels = (
                self.route,
                str(about.get("db.system.name", "other_sql")),
                str(about.get("db.operation.name", OTHER)),
                str(about.get("db.collection.name", "")),
                str(span.name),
            )
            offset = self.cells.offset(metrics.DB, labels)
            _remember(self.statements, span.name, offset)
        return offset

    def outbound(self, span: Span) -> int:
        about = span.attributes or {}
        labels = (
            self.route,
            str(about.get("http.request.method", OTHER)),
            str(about.get("server.address", "")),
            str(about.get("http.response.status_code", "")),
            span.error or "",
        )
        return self.cells.offset(metrics.HTTP_CLIENT, labels)


def _remember(known: dict[str | Location, int], name: str | Location, offset: int) -> None:
    if len(known) < MAX_CACHED:
        known[name] = offset
