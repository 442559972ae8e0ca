"""Callers that say whose trace it is, by every door: it goes on below them, or a new one begins."""

import asyncio
import threading
import urllib.request
from contextlib import contextmanager
from http.client import HTTPConnection
from importlib import import_module
from typing import Annotated, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import aiohttp
import flask
import httpx
import pytest
import requests
import urllib3
import uvicorn
from django.test import AsyncClient, Client, override_settings
from fastapi import Depends, FastAPI

import inprofile
from inprofile.core.guard import guard
from inprofile.testing import record
from tests import asgi, wsgi
from tests.integrations.wire import told, wire

import_module("tests.integrations.django_settings")

TRACE, SPAN = "1" * 32, "2" * 16
CALLER = f"00-{TRACE}-{SPAN}-01"
STATE = "vendor=opaque:1,\tother=2"

HEADERS: list[tuple[list[tuple[str, str]], tuple | None]] = [
    ([], None),
    ([("traceparent", CALLER)], (TRACE, SPAN, 1, "")),
    ([("traceparent", f"00-{TRACE}-{SPAN}-00")], (TRACE, SPAN, 0, "")),
    ([("TraceParent", CALLER), ("TraceState", STATE)], (TRACE, SPAN, 1, STATE)),
    (
        [("traceparent", CALLER), ("tracestate", "a=1"), ("tracestate", "b=2")],
        (TRACE, SPAN, 1, "a=1,b=2"),
    ),
    ([("traceparent", CALLER), ("tracestate", "A=1")], (TRACE, SPAN, 1, "")),
    ([("traceparent", CALLER), ("traceparent", CALLER)], None),
    ([("traceparent", f"ff-{TRACE}-{SPAN}-01"), ("tracestate", "a=1")], None),
    ([("tracestate", "a=1")], None),
]


@pytest.fixture(scope="module")
def service():
    with wire() as server:
        yield server


@pytest.fixture
def traced(monkeypatch, service):
    service.take()
    monkeypatch.setenv("INPROFILE_TRACING", "1")
    with record() as recorded:
        yield recorded
    errors, guard.errors = guard.errors, 0
    assert errors == 0, guard.last


class Silent(WSGIRequestHandler):
    """Says nothing."""

    def log_message(self, *args):
        """Nothing."""


@contextmanager
def wsgi_server(app):
    with make_server("127.0.0.1", 0, app, handler_class=Silent) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def asgi_server(app):
    config = uvicorn.Config(app, port=0, log_level="critical", lifespan="off", loop="asyncio")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        thread.join(0.01)
    try:
        yield running.servers[0].sockets[0].getsockname()[1]
    finally:
        running.should_exit = True
        thread.join()


def asked(port, path, headers):
    connection = HTTPConnection("127.0.0.1", port)
    connection.putrequest("GET", path)
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, b'"hello"')
    connection.close()


def fastapi_shop(url):
    """Asks the service by each client, in the way that goes with it."""
    app = FastAPI()

    @app.get("/httpx")
    async def by_httpx() -> str:
        async with httpx.AsyncClient() as client:
            return (await client.get(url)).text

    @app.get("/aiohttp")
    async def by_aiohttp() -> str:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return await response.text()

    @app.get("/requests")
    def by_requests() -> str:
        with requests.Session() as session:
            return session.get(url, timeout=5).text

    @app.get("/urllib3")
    def by_urllib3() -> str:
        with urllib3.PoolManager() as pool:
            return pool.request("GET", url).data.decode()

    def dependency() -> str:
        with urllib.request.urlopen(url) as response:
            return response.read().decode()

    @app.get("/urllib")
    def by_urllib(found: Annotated[str, Depends(dependency)]) -> str:
        return found

    return inprofile.instrument(app)


def flask_shop(url):
    app = flask.Flask("shop")

    @app.get("/urllib")
    def by_urllib():
        with urllib.request.urlopen(url) as response:
            return f'"{response.read().decode()}"'

    return inprofile.instrument(app)


def ask(url):
    with urllib.request.urlopen(url) as response:
        response.read()


def check(trace, message, caller):
    """What the service was told is this trace's, and goes on from the caller's if there is one."""
    (span,) = [span for span in trace.spans if span.kind == "http"]
    trace_id, flags, state = (
        (caller[0], caller[2], caller[3]) if caller else (trace.identity, 1, "")
    )
    assert trace.caller == caller
    assert told(message, "traceparent") == [f"00-{trace_id}-{span.identity}-{flags:02x}"]
    assert told(message, "tracestate") == ([state] if state else [])
    assert trace.carrier is None


@pytest.mark.parametrize("client", ["httpx", "aiohttp", "requests", "urllib3", "urllib"])
def test_under_uvicorn_the_trace_goes_on_through_every_client(client, service, traced):
    app = fastapi_shop(service.url)
    with asgi_server(app) as port:
        for headers, _ in HEADERS:
            asked(port, f"/{client}", headers)
    messages = service.take()
    assert len(messages) == len(traced.traces) == len(HEADERS)
    for trace, message, (_, caller) in zip(traced.traces, messages, HEADERS, strict=True):
        check(trace, message, caller)


def test_under_a_wsgi_server_it_goes_on_too(service, traced):
    app = flask_shop(service.url)
    with wsgi_server(app) as port:
        for headers, _ in HEADERS:
            asked(port, "/urllib", headers)
    for trace, message, (_, caller) in zip(traced.traces, service.take(), HEADERS, strict=True):
        check(trace, message, caller)


@pytest.mark.parametrize("line", [[], ["inprofile.django.Middleware"]], ids=["outside", "line"])
def test_djangos_test_clients_say_whose_trace_it_is(line, traced):
    headers: Any = {"traceparent": CALLER, "tracestate": STATE}
    nonsense: Any = {"HTTP_TRACEPARENT": 5}
    with override_settings(MIDDLEWARE=line):
        Client().get("/pid", headers=headers)
        Client().get("/pid", **nonsense)
        asyncio.run(AsyncClient().get("/pid", headers=headers))
    errors, guard.errors = guard.errors, 0
    assert errors == 1
    assert [trace.caller for trace in traced.traces] == [
        (TRACE, SPAN, 1, STATE),
        None,
        (TRACE, SPAN, 1, STATE),
    ]


def test_a_websocket_goes_on_with_its_callers_trace(service, traced):
    async def app(scope, receive, send):
        await asyncio.to_thread(ask, service.url)

    headers = [(b"traceparent", CALLER.encode())]
    asgi.asked(inprofile.instrument(app), "/", headers=headers, type="websocket")
    check(traced.trace, service.take()[0], (TRACE, SPAN, 1, ""))


def test_work_that_a_request_starts_is_a_trace_of_its_own(service, traced):
    async def app(scope, receive, send):
        with inprofile.job("mail"):
            await asyncio.to_thread(ask, service.url)

    asgi.asked(inprofile.instrument(app), "/", headers=[(b"traceparent", CALLER.encode())])
    job, request = traced.traces
    assert (request.caller, job.link) == ((TRACE, SPAN, 1, ""), request.identity)
    check(job, service.take()[0], None)


# Off


def test_without_tracing_nothing_is_read_or_sent(service, recorded):
    service.take()
    app, older = fastapi_shop(service.url), flask_shop(service.url)
    headers = [("traceparent", CALLER)]
    with asgi_server(app) as port:
        asked(port, "/httpx", headers)
    with wsgi_server(older) as port:
        asked(port, "/urllib", headers)
    assert [told(message, "traceparent") for message in service.take()] == [[], []]
    for trace in recorded.traces:
        assert (trace.carrier, trace.caller, trace.drawn) == (None, None, None)
        assert not any(hasattr(span, "identity") for span in trace.spans)


# Nonsense


def test_headers_that_are_none_are_the_servers_fault_and_begin_a_new_trace(service, traced):
    async def app(scope, receive, send):
        await asyncio.to_thread(ask, service.url)

    def older(environ, start_response):
        start_response("204 No Content", [])
        return []

    broken = [(b"traceparent", 5), (b"x-request-start", b"0")]
    asgi.asked(inprofile.instrument(app), "/", headers=broken)
    wsgi.asked(inprofile.instrument(older), headers=[("traceparent", "\u20ac")])
    errors, guard.errors = guard.errors, 0
    assert errors == 1
    check(traced.traces[0], service.take()[0], None)
    assert traced.traces[1].caller is None
