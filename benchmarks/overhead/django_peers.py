"""The others that watch Django projects."""

from collections.abc import Callable
from typing import Any

from benchmarks.overhead.checks import Check, Facts, exactly, traced
from benchmarks.overhead.subject import Subject

CONTRIB = ("opentelemetry.instrumentation.django", "opentelemetry.instrumentation.sqlite3")


def add_middleware(first: str, *last: str) -> None:
    """Write lines into MIDDLEWARE, as a project's author would."""
    from django.conf import settings

    settings.MIDDLEWARE = [first, *settings.MIDDLEWARE, *last]


def noop(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the least that a middleware can be."""

    def middleware(request: Any) -> Any:
        return get_response(request)

    return middleware


def contrib(subject: Subject) -> Check:
    """Install OpenTelemetry's own Django and SQLite instrumentors, spans only."""
    from opentelemetry.instrumentation.django import DjangoInstrumentor
    from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor

    provider, check = traced(subject.queries)
    DjangoInstrumentor().instrument(tracer_provider=provider, skip_dep_check=True)
    SQLite3Instrumentor().instrument(tracer_provider=provider, skip_dep_check=True)
    return check


def prometheus(_subject: Subject) -> Check:
    """Install django-prometheus: its middlewares and its database backend."""
    from django.conf import settings
    from prometheus_client import REGISTRY

    add_middleware(
        "django_prometheus.middleware.PrometheusBeforeMiddleware",
        "django_prometheus.middleware.PrometheusAfterMiddleware",
    )
    settings.INSTALLED_APPS = ["django_prometheus", *settings.INSTALLED_APPS]
    settings.DATABASES["default"]["ENGINE"] = "django_prometheus.db.backends.sqlite3"

    def check(requests: int) -> Facts:
        name = "django_http_requests_before_middlewares_total"
        exactly("django-prometheus", REGISTRY.get_sample_value(name) or 0, requests)
        return {}

    return check
