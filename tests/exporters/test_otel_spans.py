"""Kept traces as OpenTelemetry's spans, as a collector gets them."""

import asyncio
import logging
import os
import re
import sqlite3
import sys
import time
from importlib.metadata import version
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse
from starlette.routing import Route

import inprofile
from inprofile import process
from inprofile.core.guard import guard
from inprofile.storage.store import FILE
from tests import asgi, child, wsgi
from tests.exporters.received import plain, spans
from tests.otlp import until

TRACE, SPAN = "1" * 32, "2" * 16
EXEMPLAR = re.compile(rb'trace_id="([0-9a-f]{32})"')


def order(request):
    connection = sqlite3.connect(":memory:")
    connection.execute("SELECT 7 * 6").fetchone()
    connection.close()
    return JSONResponse({})


def loop(request):
    connection = sqlite3.connect(":memory:")
    for number in range(30):
        connection.execute("SELECT ?", (number,)).fetchone()
    connection.close()
    return JSONResponse({})


def broken(request):
    raise RuntimeError("broken")


async def later(request):
    return JSONResponse({}, background=BackgroundTask(mail))


async def mail():
    pass


def shop():
    return Starlette(
        routes=[
            Route("/orders/{number}", order),
            Route("/loop", loop),
            Route("/broken", broken),
            Route("/later", later),
        ]
    )


@pytest.fixture
def scraped():
    """What the latest ``ask`` has left at /metrics."""
    return SimpleNamespace(body=b"")


@pytest.fixture
def ask(otlp, monkeypatch, scraped):
    """A function: asks for paths of an app whose traces are spans, and what came of that."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")

    def asked(*paths, flags=None, **settings):
        app = inprofile.instrument(shop(), otel="spans", **settings)
        header = [] if flags is None else [(b"traceparent", f"00-{TRACE}-{SPAN}-{flags}".encode())]
        for path in paths:
            asgi.asked(app, path, headers=header)
        flushed()
        metrics = asgi.asked(
            app, "/metrics", headers=[(b"accept", b"application/openmetrics-text")]
        )
        scraped.body = b"".join(part.get("body", b"") for part in metrics)
        inprofile.uninstrument()
        return spans(otlp.traces)

    return asked


def asgi_host(host):
    app = inprofile.instrument(shop(), otel="spans")
    scope = asgi.scope("/later") | {"headers": [(b"host", host.encode())]}
    asyncio.run(asgi.exchange(app, scope))


def wsgi_host(host):
    def app(environ, start_response):
        start_response("200 OK", [])
        return [b""]

    measured = inprofile.instrument(app, otel="spans")
    wsgi.asked(measured, "/", HTTP_HOST=host)


ways = pytest.mark.parametrize("strict", [False, True], ids=["fast", "strict"])


@ways
def test_a_request_is_a_server_span_with_its_operations_below_it(ask, strict):
    found = ask("/orders/7", otel_strict=strict)
    root = plain(found[0], "service", "scope", "is_error")
    assert root == {
        "service": "shop",
        "scope": "inprofile",
        "name": "GET /orders/{number}",
        "kind": "SERVER",
        "parent": None,
        "is_error": False,
        "attributes": {
            "http.request.method": "GET",
            "http.response.status_code": 200,
            "http.route": "/orders/{number}",
            "inprofile.kept": "exported",
            "inprofile.kind": "http",
            "server.address": "test",
            "url.path": "/orders/7",
            "url.scheme": "http",
        },
    }
    [statement] = [plain(span) for span in found if span["name"] == "SELECT"]
    assert statement == {
        "name": "SELECT",
        "kind": "CLIENT",
        "parent": "order",
        "attributes": {
            "db.operation.name": "SELECT",
            "db.query.summary": "SELECT",
            "db.query.text": "SELECT ? * ?",
            "db.system.name": "sqlite",
            "inprofile.kind": "db",
        },
    }
    assert [span["kind"] for span in found].count("SERVER") == 1
    assert {span["parent"] for span in found} <= {None, *(span["name"] for span in found)}
    assert {span["trace"] for span in found} == {found[0]["trace"]}


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("shop.example", {"server.address": "shop.example"}),
        ("Shop.example:8443", {"server.address": "shop.example", "server.port": 8443}),
        ("[::1]:8000", {"server.address": "::1", "server.port": 8000}),
        ("me:secret@shop.example", {"server.address": "shop.example"}),
        ("x" * 1000, {"server.address": "x" * 261}),
        ("[", {}),
        ("shop.example:http", {}),
        ("", {}),
    ],
)
@pytest.mark.parametrize("door", [asgi_host, wsgi_host])
def test_the_host_that_was_asked_for_is_the_servers_address(door, host, found, otlp):
    door(host)
    flushed()
    inprofile.uninstrument()
    [span] = [span for span in spans(otlp.traces) if span["kind"] == "SERVER"]
    assert {
        name: value for name, value in span["attributes"].items() if name.startswith("server.")
    } == found


@ways
def test_spans_lie_within_their_request_at_the_time_when_they_were(ask, strict):
    before_ns = time.time_ns()
    found = ask("/orders/7", otel_strict=strict)
    root = found[0]
    assert before_ns <= root["from_ns"] <= time.time_ns()
    end_ns = root["from_ns"] + root["took_ns"]
    for span in found:
        assert root["from_ns"] <= span["from_ns"]
        assert span["from_ns"] + span["took_ns"] <= end_ns


@ways
def test_a_request_that_fails_is_an_error(ask, strict):
    [root] = [span for span in ask("/broken", otel_strict=strict) if span["kind"] == "SERVER"]
    assert root["is_error"]
    assert root["attributes"]["error.type"] == "500"
    assert root["attributes"]["inprofile.kept"] == "failed"


@ways
def test_a_finding_is_an_event_of_the_request(ask, strict):
    found = ask("/loop", otel_strict=strict)
    [(name, about)] = found[0]["events"]
    assert name == "inprofile.finding"
    assert about["inprofile.finding.kind"] == "n_plus_one"
    assert about["inprofile.finding.count"] == 30


def test_values_are_as_long_as_the_limit_allows(ask, monkeypatch):
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "6")
    [statement] = [span for span in ask("/orders/7") if span["name"] == "SELECT"]
    assert statement["attributes"]["db.query.text"] == "SELECT"


@ways
def test_a_request_goes_on_with_its_callers_trace(ask, strict):
    root = ask("/orders/7", flags="01", otel_strict=strict)[0]
    assert (root["trace"], root["parent"]) == (TRACE, SPAN)


def routes(found):
    return [
        (span["attributes"]["http.route"], span["attributes"]["inprofile.kept"])
        for span in found
        if span["kind"] == "SERVER"
    ]


BOTH = ("/orders/7", "/broken")


@pytest.mark.parametrize(
    ("sampler", "flags", "expected"),
    [
        ("", None, ["exported"]),
        ("", "00", []),
        ("", "01", ["exported"]),
        ("always_off", "01", []),
        ("always_on", "00", ["exported"]),
        ("parentbased_always_off", None, []),
        ("parentbased_always_off", "01", ["exported"]),
        ("traceidratio", "01", []),
    ],
)
def test_the_sampler_and_the_caller_decide_but_what_failed_is_there(
    ask, monkeypatch, sampler, flags, expected
):
    if sampler:
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
        monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
    assert routes(ask(*BOTH, flags=flags, sample_rate=0)) == [
        *(("/orders/{number}", kept) for kept in expected),
        ("/broken", "failed"),
    ]


def test_what_the_sampler_does_not_want_is_no_exemplar(ask, scraped, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    found = ask(*BOTH, sample_rate=1)
    assert set(EXEMPLAR.findall(scraped.body)) == {span["trace"].encode() for span in found}


def test_a_background_task_is_a_trace_that_links_to_its_request(ask):
    found = ask("/later")
    request = next(span for span in found if span["kind"] == "SERVER")
    [task] = [span for span in found if span["attributes"].get("inprofile.kind") == "background"]
    assert (task["name"], task["kind"], task["parent"]) == ("mail", "INTERNAL", None)
    assert task["trace"] != request["trace"]
    assert task["links"] == [(request["trace"], request["id"])]


def test_sent_traces_are_not_stored_unless_chance_has_it(ask, group):
    ask("/orders/7", "/broken", sample_rate=0)
    connection = sqlite3.connect(group / FILE)
    assert connection.execute("SELECT route FROM traces").fetchall() == [("/broken",)]
    connection.close()


def test_nothing_is_sent_where_opentelemetry_is_off(ask, monkeypatch):
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert ask("/orders/7") == []


def test_an_exporter_that_is_not_there_is_said_once(ask, monkeypatch, caplog):
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "pigeon")
    assert ask("/orders/7", "/orders/8") == []
    [said] = [record.getMessage() for record in caplog.records if record.name == "inprofile"]
    assert said.startswith("inprofile: no spans are exported: there is no exporter 'pigeon'")


def test_what_cannot_be_opened_leaves_the_rest_as_it_is(ask, scraped, group, monkeypatch, caplog):
    guard._logged.clear()
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "lots")
    assert ask("/orders/7", "/broken") == []
    assert len(EXEMPLAR.findall(scraped.body)) > 0
    connection = sqlite3.connect(group / FILE)
    assert connection.execute("SELECT route FROM traces").fetchall() == [("/broken",)]
    connection.close()
    (said,) = [record for record in caplog.records if record.name == "inprofile"]
    assert "SpanLimits" in said.exc_text  # how it says what is wrong depends on its version
    assert b"inprofile_errors_total 1\n" in scraped.body


# When the collector is not well


@pytest.fixture
def running(ask, monkeypatch):
    """An app whose traces are spans, with an exporter that gives up soon."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    return inprofile.instrument(shop(), otel="spans")


def flushed():
    running = process.running()
    assert running is not None
    assert running.pipeline is not None
    running.pipeline.flush()


def said(caplog):
    return [
        (record.name, record.getMessage().partition(" (")[0])
        for record in caplog.records
        if record.levelno >= logging.WARNING
    ]


FAILS = ("inprofile", "inprofile: OTLPSpanExporter cannot export spans")
WELL = ("inprofile", "inprofile: OTLPSpanExporter exports spans again")


SDK = tuple(map(int, version("opentelemetry-sdk").split(".")[:2]))
"""Before 1.33 an exporter tries for a minute, whatever its timeout is, before it says anything."""


@pytest.mark.parametrize("status", [429, None, *([500, 503] if SDK >= (1, 33) else [])])
def test_a_collector_that_refuses_is_said_once_and_gets_what_comes_later(
    running, otlp, caplog, status
):
    if status is None:
        otlp.refuse()
    otlp.status = status or 200
    for _ in range(2):
        asgi.asked(running, "/orders/7")
        flushed()
        until(lambda: said(caplog))
        time.sleep(0.1)
    assert said(caplog) == [FAILS]
    otlp.status = 200
    if status is None:
        otlp.listen()
    until(lambda: [asgi.asked(running, "/later"), flushed(), otlp.traces][-1])
    until(lambda: said(caplog) == [FAILS, WELL])


def test_a_collector_that_hangs_delays_neither_a_request_nor_the_end(running, otlp, monkeypatch):
    otlp.hanging = True
    asgi.asked(running, "/orders/7")
    flushed()
    time.sleep(0.2)
    start_s = time.monotonic()
    for _ in range(50):
        asgi.asked(running, "/orders/7")
    assert time.monotonic() - start_s < 10
    start_s = time.monotonic()
    inprofile.uninstrument()
    assert time.monotonic() - start_s < 5


JOB = """
import opentelemetry.exporter.otlp.proto.http.trace_exporter  # which takes a busy machine a while
import inprofile
inprofile.instrument(otel="spans")
with inprofile.job("import"):
    pass
print(0)
"""


def test_a_program_that_ends_at_once_sends_its_job(otlp, tmp_path):
    child.run(JOB, PYTHONPATH=os.pathsep.join(sys.path), INPROFILE_DIR=tmp_path)
    assert [span["name"] for span in spans(otlp.traces)] == ["import"]
