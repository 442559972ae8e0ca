"""Hands records over to a tracer provider's processors, in one of two ways."""

from collections.abc import Callable, Iterable

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, Tracer, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    set_span_in_context,
)

from inprofile.exporters.otel_spans.records import Record
from inprofile.exporters.otel_spans.semconv import Attributes

SCOPE = InstrumentationScope("inprofile")

Handing = Callable[[Iterable[Record]], None]

ERROR = Status(StatusCode.ERROR)
UNSET = Status(StatusCode.UNSET)


def handing(provider: TracerProvider, *, strict: bool) -> Handing:
    """How to hand spans to ``provider``: the fast way where it has one and that is not refused."""
    tracer = provider.get_tracer(SCOPE.name)
    if not isinstance(tracer, Tracer):  # the SDK is disabled
        return lambda _records: None
    is_fast = not strict and hasattr(getattr(tracer, "span_processor", None), "on_end")
    return Fast(tracer) if is_fast else Strict(tracer)


class Fast:
    """Makes what a finished span is read by, and gives it to the processors as finished.

    They do not see it start. Costs 3 microseconds a span.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._longest = SpanLimits().max_span_attribute_length

    def __call__(self, records: Iterable[Record]) -> None:
        on_end, resource = self._tracer.span_processor.on_end, self._tracer.resource
        for one in records:
            span = ReadableSpan(
                name=one.name,
                context=one.context,
                parent=one.parent,
                resource=resource,
                attributes=self._cut(one.attributes),
                events=[
                    Event(note.name, self._cut(note.attributes), note.at_ns) for note in one.notes
                ],
                links=one.links,
                kind=one.kind,
                status=ERROR if one.is_error else UNSET,
                start_time=one.start_ns,
                end_time=one.end_ns,
                instrumentation_scope=SCOPE,
            )
            on_end(span)

    def _cut(self, attributes: Attributes) -> Attributes:
        """No longer than OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT allows."""
        longest = self._longest
        if longest is None:
            return attributes
        return {
            name: value[:longest] if isinstance(value, str) else value
            for name, value in attributes.items()
        }


class Strict:
    """Starts and ends each span by the public interface: processors see all that they ever do."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._ids = tracer.id_generator = Ids()
        tracer.sampler = ALWAYS_ON

    def __call__(self, records: Iterable[Record]) -> None:
        for one in records:
            self._ids.next = one.context
            span = self._tracer.start_span(
                one.name,
                _within(one.parent),
                one.kind,
                one.attributes,
                one.links,
                one.start_ns,
            )
            for note in one.notes:
                span.add_event(note.name, note.attributes, note.at_ns)
            if one.is_error:
                span.set_status(ERROR)
            span.end(one.end_ns)


class Ids(IdGenerator):
    """Gives a span the ids that it has already: ``next``. For the tracer of one thread alone."""

    next: SpanContext

    def generate_trace_id(self) -> int:
        """The trace's."""
        return self.next.trace_id

    def generate_span_id(self) -> int:
        """The span's."""
        return self.next.span_id


def _within(parent: SpanContext | None) -> Context:
    context = Context()
    return context if parent is None else set_span_in_context(NonRecordingSpan(parent), context)
