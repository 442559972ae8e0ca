"""Writes finished traces into the cells: exact for every request, never sampled."""

from collections.abc import Callable

from inprofile.core import metrics
from inprofile.core.cells import Cells
from inprofile.core.metrics import Family
from inprofile.core.model import OTHER, Location, Span, Trace

NAMED = frozenset({"middleware", "dependencies", "handler", "serialization", "logging", "template"})
"""Stages whose spans are also counted by name; db and http have histograms of their own."""

MAX_CACHED = 4096
"""Offsets remembered in one table; above it the cells' own table is asked."""


class Meter:
    """Counts traces into one worker's cells.

    Costs 3 microseconds for a request of eight stages. Labels of what a cap turns away are
    the overflow value; the cells count it.
    """

    def __init__(self, cells: Cells) -> None:
        self.cells = cells
        self._requests: dict[tuple[str, ...], int] = {}
        self._active: dict[tuple[str, str], int] = {}
        self._routes: dict[str, _Route] = {}

    def started(self, trace: Trace) -> None:
        """Count a request that begins."""
        if trace.door == "http":
            self._under_way(trace, 1)

    def record(self, trace: Trace) -> None:
        """Count a finished trace. One lock for all its cells."""
        route = self._routes.get(trace.route)
        if route is None:
            route = _Route(self.cells, trace.route)
            if len(self._routes) < MAX_CACHED:
                self._routes[trace.route] = route
        cells = self.cells
        with cells.lock:
            self._whole(trace, route)
            stages = route.stages
            for stage, self_ns in trace.stages.items():
                offset = stages.get(stage)
                if offset is None:
                    offset = route.stage(stage)
                cells.observe(offset, self_ns)
            for span in trace.spans:
                if span.kind in NAMED:
                    cells.tally(route.operation(span), span.self_ns, span.count)
                elif span.kind == "db":
                    if span.count:
                        cells.observe(route.statement(span), span.duration_ns // span.count)
                elif span.kind == "http":
                    cells.observe(route.outbound(span), span.duration_ns)
            if trace.dropped:
                self.count(metrics.DROPPED, "spans", amount=trace.dropped)

    def count(self, family: Family, *labels: str, amount: int = 1) -> None:
        """Add to a counter."""
        with self.cells.lock:
            self.cells.add(self.cells.offset(family, labels), amount)

    def _whole(self, trace: Trace, route: "_Route") -> None:
        root = trace.root
        length_ns = root.end_ns - root.start_ns
        cells = self.cells
        if trace.door == "http":
            key = (
                trace.method,
                trace.route,
                str(trace.status) if trace.status else "",
                trace.scheme,
                trace.error or "",
            )
            offset = self._requests.get(key)
            if offset is None:
                offset = cells.offset(metrics.REQUESTS, key)
                if len(self._requests) < MAX_CACHED:
                    self._requests[key] = offset
            cells.observe(offset, length_ns)
            if trace.first_byte_ns:
                cells.observe(route.first_byte, trace.first_byte_ns - root.start_ns)
            self._under_way(trace, -1)
        elif trace.door == "websocket":
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
        with cells.lock:
            cells.add(offset, change)


class _Route:
    """The offsets of one route's cells, found once."""

    def __init__(self, cells: Cells, route: str) -> None:
        self.cells = cells
        self.route = route
        self.stages: dict[str, int] = {}
        self.operations: dict[str, dict[str | Location, int]] = {}
        self.statements: dict[str | Location, int] = {}
        self.first_byte = cells.offset(metrics.FIRST_BYTE, (route,))

    def stage(self, stage: str) -> int:
        offset = self.cells.offset(metrics.STAGE, (self.route, stage))
        self.stages[stage] = offset
        return offset

    def operation(self, span: Span) -> int:
        known = self.operations.setdefault(span.kind, {})
        return self._found(
            known,
            span.name,
            lambda: self.cells.offset(
                metrics.OPERATION, (self.route, span.kind, str(span.name))
            ),
        )

    def statement(self, span: Span) -> int:
        return self._found(self.statements, span.name, lambda: self._statement(span))

    def _statement(self, span: Span) -> int:
        about = span.attributes or {}
        labels = (
            self.route,
            str(about.get("db.system.name", "other_sql")),
            str(about.get("db.operation.name", OTHER)),
            str(about.get("db.collection.name", "")),
            str(span.name),
        )
        return self.cells.offset(metrics.DB, labels)

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

    def _found(
        self, known: dict[str | Location, int], name: str | Location, find: Callable[[], int]
    ) -> int:
        offset = known.get(name)
        if offset is None:
            offset = find()
            if len(known) < MAX_CACHED:
                known[name] = offset
        return offset
