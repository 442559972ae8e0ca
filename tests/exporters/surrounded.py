"""A program: requests and jobs among a user's own spans, and the tree that all spans make.

Its arguments are the names of what is to be done; prints for each the spans as
``[scope, kind, name, parent]`` and what else there is to say.
"""

import asyncio
import contextvars
import json
import sys
import threading

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import inprofile
from inprofile import process, span
from tests import asgi

exporter = InMemorySpanExporter()
tracer = trace.get_tracer("user")
work: list = []
said: list = []


async def endpoint(request):
    await work[-1]()
    said.append(trace.get_current_span().get_span_context().is_valid)
    return PlainTextResponse("", background=BackgroundTask(afterwards))


async def afterwards():
    with tracer.start_as_current_span("afterwards"):
        flush()  # the request's trace is gone before the request is


app = Starlette(routes=[Route("/", endpoint)])


async def nested():
    below = tracer.start_as_current_span("theirs below")
    with tracer.start_as_current_span("theirs"), span("ours"), below, span("ours below"):
        pass


async def gathered():
    async def one(name):
        with tracer.start_as_current_span(f"theirs {name}"):
            await asyncio.sleep(0.01)
            with span(f"ours {name}"):
                await asyncio.sleep(0.01)

    await asyncio.gather(one("a"), one("b"))


async def threaded():
    def one():
        with tracer.start_as_current_span("theirs"), span("ours"):
            pass

    await asyncio.to_thread(one)


async def crossed():
    """The one that began first ends first; then one that never ends."""
    first = tracer.start_span("first")
    second = tracer.start_span("second")
    with span("ours"):
        first.end()
    second.end()
    with span("ours after both"):
        pass
    work.append(tracer.start_span("never ends"))
    with span("ours after that"):
        pass
    work.pop()


async def elsewhere():
    """Begun here, and ended in another context and in another thread."""
    one = tracer.start_span("ended in a context")
    contextvars.Context().run(one.end)
    other = tracer.start_span("ended in a thread")
    thread = threading.Thread(target=other.end)
    thread.start()
    thread.join()
    with span("ours"):
        pass


async def client():
    """An operation of a database of which nobody knows before its end."""
    with tracer.start_as_current_span("SELECT", kind=SpanKind.CLIENT) as theirs:
        connection = __import__("sqlite3").connect(":memory:")
        connection.execute("SELECT 1").fetchone()
        connection.close()
        theirs.set_attribute("db.system.name", "sqlite")


async def server():
    """A server span below ours is a part of it."""
    with tracer.start_as_current_span("theirs", kind=SpanKind.SERVER), span("ours"):
        pass


async def nothing():
    pass


def around():
    outer = tracer.start_as_current_span("theirs around")
    inner = tracer.start_as_current_span("theirs within")
    with outer, inprofile.job("ours"), inner:
        pass


def unsampled():
    """Theirs is not exported; ours, which fails, is."""
    from opentelemetry.trace import NonRecordingSpan, SpanContext, use_span

    context = SpanContext(7, 8, False)
    with use_span(NonRecordingSpan(context)):
        try:
            with inprofile.job("ours"):
                raise ValueError
        except ValueError:
            pass


def flush():
    running = process.running()
    assert running is not None
    assert running.pipeline is not None
    running.pipeline.flush()


def told():
    flush()
    spans = sorted(exporter.get_finished_spans(), key=lambda one: one.start_time or 0)
    exporter.clear()
    names = {(one.context.trace_id, one.context.span_id): one.name for one in spans if one.context}
    return [
        [
            one.instrumentation_scope.name,
            one.kind.name,
            one.name,
            one.parent and names.get((one.context.trace_id, one.parent.span_id), "nobody"),
        ]
        for one in spans
        if one.instrumentation_scope and one.context
    ]


def main(strict, *names):
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    inprofile.instrument(app, otel="spans", otel_strict=strict)
    running = process.running()
    assert running is not None
    sums: list = []
    keep = running.recorder.keep

    def kept(found):
        sums.append(sum(found.stages.values()) == found.wall_ns)
        keep(found)

    running.recorder.keep = kept
    found = {}
    for name in names:
        if name in ("around", "unsampled"):
            globals()[name]()
        else:
            work.append(globals()[name])
            asgi.asked(app, "/")
        found[name] = {
            "spans": told(),
            "add up": all(sums),
            "left": trace.get_current_span().get_span_context().is_valid,
            "errors": inprofile.status()["errors"],
        }
    inprofile.uninstrument()
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1] == "strict", *sys.argv[2:])
