"""A program: an application under OpenTelemetry and inprofile, put on and taken off as told.

Its arguments are the steps, in order: ``provider`` sets the global tracer provider; ``inprofile``
and ``contrib-fastapi``, ``contrib-sqlalchemy`` and ``contrib-httpx`` (OpenTelemetry's
instrumentors) put that tool on and, with a minus before the name, take it off again; ``ask``
sends the requests. Prints for each ``ask`` what was answered, the spans that OpenTelemetry
exported and the traces that we recorded.
"""

import json
import logging
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from typing import Annotated, Any

import httpx
import sqlalchemy
from fastapi import BackgroundTasks, Depends, FastAPI
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import inprofile
from inprofile import process
from tests import asgi

CALLERS_TRACE, CALLERS_SPAN = "1" * 32, "2" * 16

exporter = InMemorySpanExporter()
engine = sqlalchemy.create_engine(
    "sqlite://", poolclass=sqlalchemy.StaticPool, connect_args={"check_same_thread": False}
)


class Carrier(BaseHTTPRequestHandler):
    """Another service: it says from which span it was called."""

    def do_GET(self):
        body = json.dumps(self.headers.get("traceparent")).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Say nothing."""


class Passing:
    """A middleware of the user's."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


def shop(carrier):
    app = FastAPI()
    app.add_middleware(Passing)

    def connection():
        with engine.connect() as connection:
            yield connection

    @app.get("/orders/{number}")
    async def order(number: int, tasks: BackgroundTasks, db: Annotated[Any, Depends(connection)]):
        tasks.add_task(mail)
        found = db.execute(sqlalchemy.text("SELECT 7 * :number"), {"number": number}).scalar()
        async with httpx.AsyncClient(trust_env=False) as client:
            called_from = (await client.get(carrier)).json()
        return {"found": found, "called from": called_from}

    @app.get("/broken")
    def broken():
        raise RuntimeError("broken")

    def mail():
        pass

    return app


def asked(app, path, *headers):
    start, *rest = asgi.asked(app, path, headers=headers)
    error = rest.pop() if isinstance(rest[-1], str) else None
    return [start["status"], b"".join(message["body"] for message in rest).decode(), error]


class Exported:
    """What OpenTelemetry exported since the last time, without what differs from run to run."""

    def __init__(self, port):
        self.port = str(port)
        self.spans = sorted(exporter.get_finished_spans(), key=lambda span: span.start_time or 0)
        exporter.clear()
        self.names = {f"{span.context.span_id:016x}": span.name for span in self.spans}
        self.names[CALLERS_SPAN] = "the caller's"

    def plain(self):
        return [
            {
                "scope": span.instrumentation_scope and span.instrumentation_scope.name,
                "kind": span.kind.name,
                "name": span.name,
                "parent": span.parent and self.names.get(f"{span.parent.span_id:016x}"),
                "in the caller's trace": f"{span.context.trace_id:032x}" == CALLERS_TRACE,
                "status": span.status.status_code.name,
                "attributes": self.ported(dict(span.attributes or {})),
                "events": [event.name for event in span.events],
            }
            for span in self.spans
        ]

    def ported(self, value):
        """The same as JSON has it, without the port of the other service."""
        if isinstance(value, dict):
            return {name: self.ported(value[name]) for name in sorted(value)}
        if isinstance(value, (list, tuple)):
            return [self.ported(each) for each in value]
        if isinstance(value, str):
            return value.replace(self.port, "PORT")
        return "PORT" if str(value) == self.port else value

    def told(self, body):
        """The answer with the name of the span that called the other service."""
        if "called from" not in body:
            return body
        answer = json.loads(body)
        if answer["called from"] is not None:
            _, trace_id, span_id, _ = answer["called from"].split("-")
            answer["called from"] = self.names[span_id], trace_id == CALLERS_TRACE
        return answer


def plain(recorded):
    return [
        {
            "door": found.door,
            "route": found.route,
            "status": found.status,
            "error": found.error,
            "middleware": [span.name for span in found.spans if span.kind == "middleware"],
            "kinds": sorted({span.kind for span in found.spans} & {"db", "handler", "http"}),
            "adds up": sum(found.stages.values()) == found.wall_ns,
        }
        for found in recorded
    ]


def instrumentors(library) -> Any:
    """OpenTelemetry's instrumentation of a library; not every environment has it."""
    return import_module(f"opentelemetry.instrumentation.{library}")


class Listener(logging.Handler):
    """Notes what is said in warnings."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record):
        self.said.append(record.getMessage())


class Steps:
    """What the arguments may name."""

    def __init__(self, port):
        self.app = shop(f"http://127.0.0.1:{port}/")
        self.port = port
        self.found: list = []
        self.recorded: list = []
        self.listener = Listener()
        logging.getLogger().addHandler(self.listener)

    def provider(self, on):
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        trace.set_tracer_provider(provider)

    def contrib_fastapi(self, on):
        instrumentor = instrumentors("fastapi").FastAPIInstrumentor
        (instrumentor.instrument_app if on else instrumentor.uninstrument_app)(self.app)

    def contrib_sqlalchemy(self, on):
        instrumentor = instrumentors("sqlalchemy").SQLAlchemyInstrumentor()
        if on:
            # Its range of versions ends before 2.1, which it instruments all the same.
            instrumentor.instrument(engine=engine, skip_dep_check=True)
        else:
            instrumentor.uninstrument()

    def contrib_httpx(self, on):
        instrumentor = instrumentors("httpx").HTTPXClientInstrumentor()
        (instrumentor.instrument if on else instrumentor.uninstrument)()

    def inprofile(self, on):
        if on:
            inprofile.instrument(self.app, sample_rate=1)
            running = process.running()
            assert running is not None
            running.observers.append(self.recorded.append)
        else:
            inprofile.uninstrument()

    def ask(self, on):
        caller = (b"traceparent", f"00-{CALLERS_TRACE}-{CALLERS_SPAN}-01".encode())
        answers = [
            asked(self.app, "/orders/6", caller),
            asked(self.app, "/orders/7"),
            asked(self.app, "/orders/x"),
            asked(self.app, "/broken"),
            asked(self.app, "/nowhere"),
        ]
        exported = Exported(self.port)
        self.found.append(
            {
                "answers": [
                    [status, exported.told(body), error] for status, body, error in answers
                ],
                "spans": exported.plain(),
                "traces": plain(self.recorded),
                "errors": inprofile.status().get("errors", 0),
                "said": self.listener.said.copy(),
            }
        )
        self.recorded.clear()


def main(names):
    with ThreadingHTTPServer(("127.0.0.1", 0), Carrier) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        steps = Steps(server.server_port)
        for name in names:
            step = getattr(steps, name.removeprefix("-").replace("-", "_"))
            step(not name.startswith("-"))
        inprofile.uninstrument()
        server.shutdown()
    engine.dispose()
    print(json.dumps(steps.found))


if __name__ == "__main__":
    main(sys.argv[1:])
