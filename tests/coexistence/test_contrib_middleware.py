"""Beside OpenTelemetry's middleware for any WSGI or ASGI application, inside of it or around it."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import inprofile
from inprofile.testing import record
from tests import asgi, wsgi
from tests.load.bare import bare

PATHS = ("/list", "/two", "/generator", "/write", "/empty", "/broken", "/nowhere")


def is_there(name):
    return find_spec("opentelemetry.instrumentation") is not None and (
        find_spec(f"opentelemetry.instrumentation.{name}") is not None
    )


needs = {
    name: pytest.mark.skipif(not is_there(name), reason="needs contrib's instrumentors")
    for name in ("wsgi", "asgi")
}


async def bare_asgi(scope, receive, send):
    """The same in ASGI, with two parts each."""
    if scope["path"] == "/broken":
        raise RuntimeError("broken")
    status = 404 if scope["path"] == "/nowhere" else 200
    await send({"type": "http.response.start", "status": status, "headers": [(b"a", b"b")]})
    await send({"type": "http.response.body", "body": b"one ", "more_body": True})
    await send({"type": "http.response.body", "body": b"two"})


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


def contribs(kind, exporter):
    """Its middleware, with a provider of its own."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    middleware = import_module(f"opentelemetry.instrumentation.{kind}").OpenTelemetryMiddleware
    return lambda app: middleware(app, tracer_provider=provider)


def seen(exporter):
    """The spans as plain values, since the last time."""
    spans = [
        (
            span.name,
            span.kind.name,
            span.parent is None,
            span.status.status_code,
            dict(span.attributes),
        )
        for span in exporter.get_finished_spans()
    ]
    exporter.clear()
    return spans


ORDERS: dict[str, Any] = {
    "inside": lambda app, middleware: inprofile.instrument(middleware(app)),
    "around": lambda app, middleware: middleware(inprofile.instrument(app)),
    "both": lambda app, middleware: inprofile.instrument(middleware(inprofile.instrument(app))),
}
KINDS: dict[str, Any] = {"wsgi": (bare, wsgi.asked), "asgi": (bare_asgi, asgi.asked)}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", [pytest.param(kind, marks=needs[kind]) for kind in KINDS])
def test_answers_and_spans_are_the_same_and_each_request_is_counted_once(kind, order, exporter):
    app, ask = KINDS[kind]
    middleware = contribs(kind, exporter)
    without = [ask(middleware(app), path) for path in PATHS], seen(exporter)
    with record() as recorded:
        measured = ORDERS[order](app, middleware)
        within = [ask(measured, path) for path in PATHS], seen(exporter)
    assert within == without
    assert [span[1] for span in within[1] if span[1] == "SERVER"] == ["SERVER"] * len(PATHS)
    assert [trace.path for trace in recorded.traces] == list(PATHS)
