"""The ways of watching an application that are compared.

Each puts itself in place and returns a check, which is told how many requests were made
after the clock has stopped: what did not see all of them has no figure to show.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.overhead.driver import App, Receive, Scope, Send
from benchmarks.overhead.scenarios import Subject

Facts = dict[str, float]
Check = Callable[[int], Facts]


class Miscounted(RuntimeError):
    """A variant did not see every request, so its figure would be a lie."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of watching: what it is called, its environment and the modules it needs."""

    name: str
    title: str
    install: Callable[[Subject], Check]
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()


class Noop:
    """The least that a middleware can be."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


def _unchecked(_requests: int) -> Facts:
    return {}


def _bare(_subject: Subject) -> Check:
    return _unchecked


def _noop(subject: Subject) -> Check:
    subject.app.add_middleware(Noop)
    return _unchecked


def _exactly(what: str, counted: float, requests: int) -> None:
    if counted != requests:
        message = f"{what} counted {counted:g} of {requests} requests"
        raise Miscounted(message)


def _inprofile(subject: Subject) -> Check:
    import inprofile
    from inprofile import runtime

    inprofile.instrument(subject.app)

    def check(requests: int) -> Facts:
        status = inprofile.status()
        if status["errors"]:
            message = f"inprofile had {status['errors']} errors, the last: {status['last_error']}"
            raise Miscounted(message)
        running = runtime.running()
        series = running.read().series if running is not None and running.meter else {}
        counts = [v[2:] for key, v in series.items() if key[0] == "http.server.request.duration"]
        _exactly("inprofile", sum(map(sum, counts)), requests if status["enabled"] else 0)
        return {}

    return check


def _paused(subject: Subject) -> Check:
    from inprofile import runtime

    check = _inprofile(subject)
    recorder = runtime.recorder()
    if recorder is None:
        raise Miscounted("inprofile has no recorder to switch off")
    recorder.enabled = False
    return check


def _contrib(subject: Subject) -> Check:
    """Install OpenTelemetry's own FastAPI and SQLAlchemy instrumentors, spans only.

    The provider is handed to them and not set globally: FastAPI since 0.142 emits spans of
    its own as soon as a global provider exists, unless it sees contrib's middleware.
    """
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Null(SpanExporter):
        exported = servers = 0

        def export(self, spans: Any) -> SpanExportResult:
            self.exported += len(spans)
            self.servers += sum(span.parent is None for span in spans)
            return SpanExportResult.SUCCESS

    exporter = Null()
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    FastAPIInstrumentor.instrument_app(subject.app, tracer_provider=provider)
    if subject.engine is not None:
        SQLAlchemyInstrumentor().instrument(
            engine=subject.engine, tracer_provider=provider, skip_dep_check=True
        )

    def check(requests: int) -> Facts:
        provider.force_flush()
        if not 0 < exporter.servers <= requests:  # a full queue drops spans, never doubles them
            _exactly("OpenTelemetry contrib", exporter.servers, requests)
        per_request = exporter.exported / exporter.servers
        if per_request < subject.queries:  # it refuses versions that it does not know, and goes on
            raise Miscounted(f"OpenTelemetry contrib made {per_request:.1f} spans a request")
        return {"spans exported per request": per_request}

    return check


def _prometheus(subject: Subject) -> Check:
    from prometheus_client import REGISTRY
    from prometheus_fastapi_instrumentator import Instrumentator

    Instrumentator().instrument(subject.app).expose(subject.app)

    def check(requests: int) -> Facts:
        samples = [sample for metric in REGISTRY.collect() for sample in metric.samples]
        total = sum(sample.value for sample in samples if sample.name == "http_requests_total")
        _exactly("prometheus-fastapi-instrumentator", total, requests)
        return {}

    return check


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("bare", "bare", _bare),
        Variant("noop", "no-op middleware", _noop),
        Variant("off", "inprofile off", _inprofile, {"INPROFILE_ENABLED": "0"}),
        Variant("paused", "inprofile paused", _paused),
        Variant("on", "**inprofile on**", _inprofile),
        Variant(
            "kept", "inprofile on, every trace kept", _inprofile, {"INPROFILE_SAMPLE_RATE": "1"}
        ),
        Variant(
            "contrib",
            "OpenTelemetry contrib",
            _contrib,
            needs=(
                "opentelemetry.instrumentation.fastapi",
                "opentelemetry.instrumentation.sqlalchemy",
            ),
        ),
        Variant(
            "prometheus",
            "prometheus-fastapi-instrumentator",
            _prometheus,
            needs=("prometheus_fastapi_instrumentator",),
        ),
    )
}
