"""Whether a variant saw what it was there to see."""

from collections.abc import Callable
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind

Facts = dict[str, float]
Check = Callable[[int], Facts]


class Miscounted(RuntimeError):
    """A variant did not see every request, so its figure would be a lie."""


def exactly(what: str, counted: float, requests: int) -> None:
    """Raise Miscounted unless every request was counted once."""
    if counted != requests:
        message = f"{what} counted {counted:g} of {requests} requests"
        raise Miscounted(message)


class Null(SpanExporter):
    """Takes spans to nowhere, and counts them."""

    exported = servers = 0

    def export(self, spans: Any) -> SpanExportResult:
        self.exported += len(spans)
        self.servers += sum(span.kind is SpanKind.SERVER for span in spans)
        return SpanExportResult.SUCCESS


def traced(queries: int) -> tuple[TracerProvider, Check]:
    """Return a provider for contrib's instrumentors, and its check.

    It is handed to them and not set globally: FastAPI since 0.142 emits spans of its own as
    soon as a global provider exists, unless it sees contrib's middleware.
    """
    exporter, provider = Null(), TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))

    def check(requests: int) -> Facts:
        provider.force_flush()
        if not 0 < exporter.servers <= requests:  # a full queue drops spans, never doubles them
            exactly("OpenTelemetry contrib", exporter.servers, requests)
        per_request = exporter.exported / exporter.servers
        if per_request < queries:  # it refuses versions that it does not know, and goes on
            raise Miscounted(f"OpenTelemetry contrib made {per_request:.1f} spans a request")
        return {"spans exported per request": per_request}

    return provider, check
