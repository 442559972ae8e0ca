"""Where spans go to: the application's own tracer provider, or one of ours."""

from collections.abc import Mapping

from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
)

from inprofile.exporters.otel import environment as otel_environment
from inprofile.exporters.otel.resource import resource
from inprofile.exporters.otel_spans.quiet_exporter import QuietExporter


def users() -> TracerProvider | None:
    """The provider that the application has set, if it is one of the SDK's. Costs 0.2 us.

    Logfire's has that as its ``provider``.
    """
    found = trace.get_tracer_provider()
    if isinstance(found, TracerProvider):
        return found
    inner = getattr(found, "provider", None)
    return inner if isinstance(inner, TracerProvider) else None


def ours(service: str, environment: Mapping[str, str]) -> TracerProvider:
    """One with the exporters that OTEL_TRACES_EXPORTER names, in threads of their own.

    Raises NoExporter.
    """
    names = otel_environment.exporters("traces", environment)
    found = [otel_environment.load("traces", name)() for name in names]
    provider = TracerProvider(resource=resource(service, ""), shutdown_on_exit=False)
    for exporter in found:
        provider.add_span_processor(_processor(QuietExporter(exporter)))
    return provider


def _processor(exporter: SpanExporter) -> SpanProcessor:
    try:
        return BatchSpanProcessor(exporter)
    except RuntimeError:  # a process that ends can have no more threads
        return SimpleSpanProcessor(exporter)
