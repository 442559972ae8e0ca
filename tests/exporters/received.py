"""Spans that an OTLP receiver took, as plain values."""

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.otlp import values


def spans(arrivals):
    """All of them by their beginning; those of a trace know their parents by name."""
    found = [
        (values(of.resource.attributes), within.scope.name, span)
        for arrival in arrivals
        for of in arrival.message.resource_spans
        for within in of.scope_spans
        for span in within.spans
    ]
    names = {span.span_id: span.name for _, _, span in found}
    return [
        {
            "service": resource.get("service.name"),
            "scope": scope,
            "name": span.name,
            "kind": Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
            "trace": span.trace_id.hex(),
            "id": span.span_id.hex(),
            "parent": names.get(span.parent_span_id, span.parent_span_id.hex()) or None,
            "is_error": span.status.code == Status.STATUS_CODE_ERROR,
            "took_ns": span.end_time_unix_nano - span.start_time_unix_nano,
            "from_ns": span.start_time_unix_nano,
            "attributes": values(span.attributes),
            "events": [(event.name, values(event.attributes)) for event in span.events],
            "links": [(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        }
        for resource, scope, span in sorted(found, key=lambda each: each[2].start_time_unix_nano)
    ]


def plain(span, *names):
    """Name, kind, parent and attributes without lengths of time, and what else is named."""
    attributes = {
        name: value for name, value in span["attributes"].items() if not name.endswith("_ns")
    }
    return {
        **{name: span[name] for name in ("name", "kind", "parent", *names)},
        "attributes": {
            name: attributes[name] for name in sorted(attributes) if "on_loop" not in name
        },
    }
