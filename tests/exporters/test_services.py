"""A trace goes on from one real server to the next."""

import httpx
import pytest

from tests.exporters.received import spans
from tests.otlp import until

TRACE, SPAN = "1" * 32, "2" * 16


@pytest.fixture
def order(serve, otlp, monkeypatch):
    """The address of a service that asks another one; both send their spans."""
    monkeypatch.setenv("INPROFILE_OTEL", "spans")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "stock")
    stock = serve("gunicorn", "tests.exporters.services:stocks", "--bind=127.0.0.1:{port}")
    monkeypatch.setenv("STOCK", f"{stock.url}/stock/7")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "orders")
    orders = serve("uvicorn", "tests.exporters.services:orders", "--port={port}")
    return f"{orders.url}/order"


@pytest.mark.parametrize("caller", [None, f"00-{TRACE}-{SPAN}-01"], ids=["ours", "a caller's"])
def test_a_trace_goes_through_two_services(order, otlp, caller):
    headers = {} if caller is None else {"traceparent": caller}
    assert httpx.get(order, headers=headers, trust_env=False).text == "7"

    def whole():
        found = [
            span for span in spans(otlp.traces) if span["attributes"].get("url.path") != "/pid"
        ]
        told = {
            (span["service"], span["kind"]): span for span in found if span["kind"] != "INTERNAL"
        }
        return told if len(told) == 3 else None

    told = until(whole)
    entry, request = told["orders", "SERVER"], told["orders", "CLIENT"]
    answered = told["stock", "SERVER"]
    assert (entry["name"], entry["parent"]) == ("GET /order", None if caller is None else SPAN)
    assert request["parent"] == "order"
    assert answered["parent"] == request["name"] == "GET /stock/{id}"
    assert {span["trace"] for span in told.values()} == {TRACE if caller else entry["trace"]}


@pytest.mark.parametrize(
    "command",
    [
        ("uvicorn", "tests.exporters.services:orders", "--port={port}"),
        ("gunicorn", "tests.exporters.services:stocks", "--bind=127.0.0.1:{port}"),
    ],
    ids=["uvicorn", "gunicorn"],
)
def test_what_no_batch_was_ready_to_send_is_sent_when_the_server_ends(
    command, serve, otlp, monkeypatch
):
    monkeypatch.setenv("INPROFILE_OTEL", "spans")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "4000")
    server = serve(*command)

    def requests():
        return [span for span in spans(otlp.traces) if span["kind"] == "SERVER"]

    until(requests)  # who ends before the exporter is even loaded may have no time for that
    httpx.get(f"{server.url}/pid", trust_env=False)
    server.stop()
    assert len(requests()) == 2
