"""Kept traces as records of spans, from which any way to export makes its own."""

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags, TraceState

from inprofile.core import finding_event
from inprofile.core.model import Finding, Span, Trace
from inprofile.core.recorder import Recorder
from inprofile.core.trace_context import FLAGS, SAMPLED, TraceContext
from inprofile.exporters.otel_spans import semconv
from inprofile.exporters.otel_spans.borrowed import SERVER
from inprofile.exporters.otel_spans.lineage import Lineage
from inprofile.exporters.otel_spans.semconv import Attributes

TAIL = frozenset({"failed", "slow", "finding"})
"""Why a trace is exported whatever was decided at its beginning."""

KEPT = "inprofile.kept"


class Note(NamedTuple):
    """An event of a span."""

    name: str
    attributes: Attributes
    at_ns: int


class Record(NamedTuple):
    """A span as OpenTelemetry knows it. Times are in nanoseconds since the epoch."""

    name: str
    kind: SpanKind
    context: SpanContext
    parent: SpanContext | None
    attributes: Attributes
    start_ns: int
    end_ns: int
    is_error: bool = False
    notes: Sequence[Note] = ()
    links: Sequence[Link] = ()


def is_exported(trace: Trace) -> bool:
    """Whether a kept trace leaves as spans."""
    return trace.reason in TAIL or bool(trace.drawn)


def records(recorder: Recorder, trace: Trace, findings: Iterable[Finding]) -> list[Record]:
    """The spans of a kept trace, parents before their children.

    Costs 8 microseconds a span.
    """
    return [*_Telling(recorder, trace)(findings)]


def span_context(of: TraceContext, *, is_remote: bool) -> SpanContext:
    """The same as OpenTelemetry has it; that of another service is remote."""
    state = TraceState.from_header([of.state]) if of.state else None
    trace_id, span_id = int(of.trace_id, 16), int(of.span_id, 16)
    return SpanContext(trace_id, span_id, is_remote, TraceFlags(of.flags), state)


def remote(of: TraceContext) -> SpanContext:
    """A span of another service."""
    return span_context(of, is_remote=True)


class _Telling:
    """One trace on its way to records."""

    def __init__(self, recorder: Recorder, trace: Trace) -> None:
        caller = recorder.caller(trace)
        self._trace = trace
        self._caller = None if caller is None else remote(caller)
        self._trace_id = int(recorder.identify(trace) if caller is None else caller.trace_id, 16)
        self._flags = TraceFlags(SAMPLED if caller is None else SAMPLED | caller.flags & FLAGS)
        self._state = None if self._caller is None else self._caller.trace_state
        self._identify = recorder.identify_span
        self._lineage = Lineage(trace, recorder.identify_span)
        self._contexts: dict[str, SpanContext] = {}
        self._epoch_ns = round(trace.started_at * 1e9) - trace.root.start_ns

    def __call__(self, findings: Iterable[Finding]) -> Iterator[Record]:
        trace = self._trace
        notes = [*self._notes(findings)]
        if not self._lineage.exports(trace.root) and (notes or trace.reason in TAIL):
            yield self._aside(notes)
        for span in self._lineage.spans():
            yield self._root(notes) if span is trace.root else self._operation(span)

    def _root(self, notes: Sequence[Note]) -> Record:
        trace = self._trace
        name, kind, attributes = semconv.request(trace)
        if self._lineage.has(SERVER):
            kind = SpanKind.INTERNAL
        attributes[KEPT] = trace.reason
        return Record(
            name,
            kind,
            self._context(self._identify(trace.root)),
            self._caller,
            attributes,
            self._epoch_ns + trace.root.start_ns,
            self._epoch_ns + trace.root.end_ns,
            trace.error is not None,
            notes,
            self._links(),
        )

    def _aside(self, notes: Sequence[Note]) -> Record:
        """What there is to say of a root that another tool exports."""
        root = self._trace.root
        return Record(
            "inprofile",
            SpanKind.INTERNAL,
            self._context(os.urandom(8).hex()),
            self._context(self._identify(root)),
            {KEPT: self._trace.reason, "inprofile.kind": self._trace.door},
            self._epoch_ns + root.start_ns,
            self._epoch_ns + root.end_ns,
            notes=notes,
        )

    def _operation(self, span: Span) -> Record:
        parent = self._lineage.parent(span)
        name, kind, attributes = semconv.operation(span)
        start_ns, end_ns = self._epoch_ns + span.start_ns, self._epoch_ns + span.end_ns
        if start_ns == end_ns:  # it stands for repeats
            end_ns = min(start_ns + span.duration_ns, self._epoch_ns + self._trace.root.end_ns)
        return Record(
            name,
            kind,
            self._context(self._identify(span)),
            self._context(parent) if parent else self._caller,
            attributes,
            start_ns,
            max(start_ns, end_ns),
            span.error is not None,
        )

    def _context(self, span_id: str) -> SpanContext:
        known = self._contexts.get(span_id)
        if known is None:
            known = self._contexts[span_id] = SpanContext(
                self._trace_id,
                int(span_id, 16),
                False,  # noqa: FBT003 - is_remote
                self._flags,
                self._state,
            )
        return known

    def _notes(self, findings: Iterable[Finding]) -> Iterator[Note]:
        at_ns = self._epoch_ns + self._trace.root.end_ns
        for finding in findings:
            yield Note(finding_event.NAME, finding_event.attributes(finding), at_ns)

    def _links(self) -> Sequence[Link]:
        """To what sent this work, where that is another trace."""
        origin = self._trace.origin
        if origin is None or int(origin.trace_id, 16) == self._trace_id:
            return ()
        return (Link(remote(origin)),)
