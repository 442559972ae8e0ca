"""The others that watch FastAPI applications."""

from benchmarks.overhead.checks import Check, Facts, exactly, traced
from benchmarks.overhead.subject import Subject

CONTRIB = ("opentelemetry.instrumentation.fastapi", "opentelemetry.instrumentation.sqlalchemy")


def contrib(subject: Subject) -> Check:
    """Install OpenTelemetry's own FastAPI and SQLAlchemy instrumentors, spans only."""
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor

    provider, check = traced(subject.queries)
    FastAPIInstrumentor.instrument_app(subject.app, tracer_provider=provider)
    if subject.engine is not None:
        SQLAlchemyInstrumentor().instrument(
            engine=subject.engine, tracer_provider=provider, skip_dep_check=True
        )
    return check


def prometheus(subject: Subject) -> Check:
    """Install prometheus-fastapi-instrumentator with its defaults."""
    from prometheus_client import REGISTRY
    from prometheus_fastapi_instrumentator import Instrumentator

    Instrumentator().instrument(subject.app).expose(subject.app)

    def check(requests: int) -> Facts:
        samples = [sample for metric in REGISTRY.collect() for sample in metric.samples]
        total = sum(sample.value for sample in samples if sample.name == "http_requests_total")
        exactly("prometheus-fastapi-instrumentator", total, requests)
        return {}

    return check
