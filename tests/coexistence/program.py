"""A program: a site under other tools and inprofile, put on and taken off as told.

Its first argument is the site: ``flask``, ``django-wsgi``, ``django-asgi`` or ``fastapi``. The
others are the steps, in order: ``provider`` sets the global tracer provider of OpenTelemetry;
``contrib-NAME`` is its instrumentor of a library; ``inprofile``, ``sentry``, ``logfire`` and
``toolbar`` put that tool on and, with a minus before the name, take it off again; ``spans`` and
``strict`` are ``inprofile`` with its traces as spans; ``app`` makes another
application, the first of which is made when a tool or ``ask`` needs it; ``ask`` sends the
requests. Prints for each ``ask`` what was answered, what the other tools saw and the traces that
we recorded.
"""

import json
import logging
import re
import sys
import threading
from abc import ABCMeta
from functools import cached_property
from http.server import ThreadingHTTPServer
from importlib import import_module
from typing import Any

from opentelemetry import trace
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

import inprofile
from inprofile import process
from tests import asgi, coexisting, wsgi
from tests.coexistence.exported import doubles, lost
from tests.coexisting import (
    CALLERS_SPAN,
    CALLERS_TRACE,
    Carrier,
    Exported,
    Listener,
    exporter,
    shop,
)

CALLER = f"00-{CALLERS_TRACE}-{CALLERS_SPAN}-01"
CALLED_FROM = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


class Flask:
    """Under WSGI, as one application for as long as the program runs."""

    framework = "flask"

    @property
    def engine(self):
        return import_module("tests.coexistence.work").engine

    paths: tuple[str, ...] = (
        "/orders/6",
        "/orders/7",
        "/orders/x",
        "/broken",
        "/nowhere",
        "/stream",
    )

    def __init__(self, carrier):
        self.app = import_module("tests.coexistence.flask_site").site(carrier)

    def contrib(self, instrumentor, on):
        (instrumentor.instrument_app if on else instrumentor.uninstrument_app)(self.app)

    def line(self, on):
        if on:
            inprofile.instrument(self.app)

    def ask(self, path, headers):
        return wsgi.asked(self.app, path, headers=headers, REMOTE_ADDR="127.0.0.1")


class Django:
    """Under WSGI: a handler for each time that requests are sent, as settings change between."""

    framework = "django"
    engine = Flask.engine
    paths = (*Flask.paths, "/page", "/later")

    def __init__(self, carrier):
        self.site = import_module("tests.coexistence.django_site")
        self.site.carrier(carrier)
        self.settings = import_module("django.conf").settings

    def contrib(self, instrumentor, on):
        (instrumentor.instrument if on else instrumentor.uninstrument)()

    def line(self, on):
        """At the end of the list: others put theirs at its beginning."""
        middleware = self.settings.MIDDLEWARE
        (middleware.append if on else middleware.remove)(self.site.LINE)

    def toolbar(self, on):
        middleware = self.settings.MIDDLEWARE
        if on:
            middleware.insert(0, self.site.TOOLBAR)
        else:
            middleware.remove(self.site.TOOLBAR)
        self.settings.DEBUG = on

    def begin(self):
        self.app = import_module("django.core.wsgi").get_wsgi_application()

    def ask(self, path, headers):
        return wsgi.asked(self.app, path, headers=headers, REMOTE_ADDR="127.0.0.1")


class DjangoAsgi(Django):
    """The same under ASGI."""

    def begin(self):
        self.app = import_module("django.core.asgi").get_asgi_application()

    def ask(self, path, headers):
        return asgi.asked(self.app, path, headers=encoded(headers))


class FastApi(Flask):
    """Under ASGI, as one application for as long as the program runs."""

    framework = "fastapi"
    engine = coexisting.engine
    paths = ("/orders/6", "/orders/7", "/orders/x", "/broken", "/nowhere")

    def __init__(self, carrier):
        self.app = shop(carrier)

    def ask(self, path, headers):
        return asgi.asked(self.app, path, headers=encoded(headers))


def encoded(headers):
    return [(name.encode(), value.encode()) for name, value in headers]


SITES: dict[str, Any] = {
    "flask": Flask,
    "django-wsgi": Django,
    "django-asgi": DjangoAsgi,
    "fastapi": FastApi,
}


def plain(answer):
    """An answer as JSON can have it."""
    if isinstance(answer, bytes):
        return answer.decode()
    if isinstance(answer, dict):
        return {name: plain(value) for name, value in answer.items()}
    if isinstance(answer, list | tuple):
        return [plain(each) for each in answer]
    return answer


def told(recorded):
    """The traces that we recorded, of requests and jobs."""
    return [
        {
            "door": found.door,
            "route": found.route,
            "status": found.status,
            "error": found.error,
            "counted": {
                kind: sum(span.count for span in found.spans if span.kind == kind)
                for kind in ("db", "cache", "http")
            },
            "adds up": sum(found.stages.values()) == found.wall_ns,
        }
        for found in recorded
        if found.door != "loop"  # the machine's doing
    ]


class Steps:
    """What the arguments may name."""

    def __init__(self, site, port):
        self.kind = SITES[site]
        self.port = port
        self.found: list = []
        self.recorded: list = []
        self.reported: Any = None
        self.shown: Any = None
        self.listener = Listener()
        logging.getLogger().addHandler(self.listener)

    @cached_property
    def site(self):
        """Made when a tool or a request needs it: Sentry's is to be there before."""
        return self.kind(f"http://127.0.0.1:{self.port}/")

    def app(self, on):
        vars(self).pop("site", None)
        assert self.site

    def step(self, name, on):
        if name.startswith("contrib-"):
            self.contrib(name.removeprefix("contrib-"), on)
        else:
            getattr(self, name)(on)

    def provider(self, on):
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        trace.set_tracer_provider(provider)

    def contrib(self, name, on):
        module = import_module(f"opentelemetry.instrumentation.{name.replace('-', '_')}")
        instrumentor: Any = next(
            found
            for found in vars(module).values()
            if type(found) is ABCMeta
            and issubclass(found, BaseInstrumentor)
            and found.__module__ == module.__name__
            and not found.__name__.startswith("_")
        )()
        if name in ("flask", "django", "fastapi"):
            self.site.contrib(instrumentor, on)
        elif on and name == "sqlalchemy":
            # Its range of versions ends before 2.1, which it instruments all the same.
            instrumentor.instrument(engine=self.site.engine, skip_dep_check=True)
        else:
            (instrumentor.instrument if on else instrumentor.uninstrument)()

    def inprofile(self, on):
        if on:
            inprofile.instrument(sample_rate=1)
            running = process.running()
            assert running is not None
            running.observers.append(self.recorded.append)
        self.site.line(on)
        if not on:
            inprofile.uninstrument()

    def spans(self, on, **settings):
        if on:
            inprofile.instrument(otel="spans", **settings)
        self.site.line(on)
        if not on:
            inprofile.uninstrument()

    def strict(self, on):
        self.spans(on, otel_strict=True)

    def logfire(self, on):
        """Its own provider, which sends nothing, and its way to instrument FastAPI."""
        import logfire

        more = {"additional_span_processors": [SimpleSpanProcessor(exporter)]}
        logfire.configure(send_to_logfire=False, console=False, inspect_arguments=False, **more)
        if self.kind is FastApi:
            logfire.instrument_fastapi(self.site.app)
            logfire.instrument_sqlalchemy(engine=self.site.engine, skip_dep_check=True)
            logfire.instrument_httpx()

    def toolbar(self, on):
        self.site.toolbar(on)
        self.shown = import_module("tests.coexistence.shown") if on else None

    def sentry(self, on):
        reported = import_module("tests.coexistence.reported")
        if on:
            self.reported = reported.start(self.kind.framework)
        else:
            reported.stop()
            self.reported = None

    def ask(self, on):
        if hasattr(self.site, "begin"):
            self.site.begin()
        answers = [
            self.site.ask(path, [] if number else [("traceparent", CALLER)])
            for number, path in enumerate(self.site.paths)
        ]
        running = process.running()
        if running is not None and running.pipeline is not None:
            running.pipeline.flush()
        exported = Exported(self.port)
        answers = [self.named(exported, plain(answer)) for answer in answers]
        self.found.append(
            {
                "answers": self.shown.without(answers) if self.shown else answers,
                "reported": self.reported.taken() if self.reported else [],
                "shown": self.shown.taken() if self.shown else [],
                "spans": exported.plain(),
                "lost": lost(exported.spans, CALLERS_SPAN),
                "doubles": doubles(exported.spans),
                "traces": told(self.recorded),
                "errors": inprofile.status().get("errors", 0),
                "said": self.listener.said.copy(),
            }
        )
        self.recorded.clear()
        self.listener.said.clear()

    def named(self, exported, answer):
        """The answer with the names of the spans that called the other service."""

        def name(match):
            trace_id, span_id = match.groups()
            return f"{exported.names.get(span_id)}, {trace_id == CALLERS_TRACE}"

        return json.loads(CALLED_FROM.sub(name, json.dumps(answer)))


def main(site, *names):
    with ThreadingHTTPServer(("127.0.0.1", 0), Carrier) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        try:
            steps = Steps(site, server.server_port)
            for name in names:
                steps.step(name.removeprefix("-"), not name.startswith("-"))
            inprofile.uninstrument()
        finally:
            server.shutdown()
    print(json.dumps(steps.found))


if __name__ == "__main__":
    main(*sys.argv[1:])
