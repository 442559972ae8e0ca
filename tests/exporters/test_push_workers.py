"""One of several workers exports for all of them, whoever of them lives."""

import os
import re
import signal
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from tests.otlp import points, until

DURATION = "http.server.request.duration"
COUNT = re.compile(
    r'http_server_request_duration_seconds_count\{[^}]*http_route="/pid"[^}]*\} (\d+)'
)
SELDOM = "3000"
"""An interval in which a server can be asked and stopped."""

GUNICORN = (
    *("gunicorn", "tests.load.shop:app", "--bind", "127.0.0.1:{port}", "--workers", "3"),
    *("--worker-class", "uvicorn_worker.UvicornWorker", "--log-level", "critical"),
)
SYNC = (
    *("gunicorn", "tests.load.wsgi_shop:app", "--bind", "127.0.0.1:{port}", "--workers", "3"),
    *("--log-level", "critical"),
)
UVICORN = (
    *("uvicorn", "tests.load.shop:app", "--port", "{port}", "--workers", "3"),
    *("--log-level", "critical"),
)
SERVERS = [
    pytest.param(GUNICORN, id="gunicorn"),
    pytest.param((*GUNICORN, "--preload"), id="preloaded", marks=pytest.mark.once),
    pytest.param(SYNC, id="sync", marks=pytest.mark.once),
    pytest.param(UVICORN, id="uvicorn", marks=pytest.mark.once),
]


@pytest.fixture(autouse=True)
def _pushing(otlp, group, monkeypatch):
    monkeypatch.setenv("INPROFILE_OTEL", "metrics")


def ask(server, requests=20):
    """Send so many, each by a connection of its own; which workers answered."""
    return {
        httpx.get(f"{server.url}/pid", timeout=60).raise_for_status().json()
        for _ in range(requests)
    }


def tried(server):
    """Send one, which a worker that ends may leave without an answer."""
    with suppress(httpx.TransportError):
        return ask(server, 1)
    return set()


def scraped(server):
    """How many requests a scrape says there were."""
    text = httpx.get(f"{server.url}/metrics", timeout=60).raise_for_status().text
    return sum(map(int, COUNT.findall(text)))


def told(arrivals):
    """The points of the route that is asked for."""
    return [each for arrival in arrivals for each in points(arrival, DURATION, http_route="/pid")]


def count(arrivals):
    """How many requests the latest of them tells of."""
    return told(arrivals[-1:])[0].data.count if told(arrivals[-1:]) else 0


def exporting(group):
    """The process ids of those who have the role."""
    lock = str(group / "push.lock")
    return {int(fd.parts[2]) for fd in Path("/proc").glob("[0-9]*/fd/*") if _reads(fd) == lock}


def _reads(link):
    try:
        return str(link.readlink())
    except OSError:
        return ""


@pytest.mark.parametrize("command", SERVERS)
def test_the_last_export_has_every_request_of_every_worker(command, serve, otlp, monkeypatch):
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", SELDOM)
    server = serve(*command)
    until(lambda: otlp.metrics)
    assert len(ask(server, 60)) > 1
    expected = scraped(server)
    server.stop()
    assert count(otlp.metrics) == expected >= 60


@pytest.mark.once
@pytest.mark.parametrize("command", [GUNICORN, UVICORN], ids=["gunicorn", "uvicorn"])
def test_another_goes_on_when_the_one_is_killed(command, serve, otlp, group):
    server = serve(*command)
    for _ in range(2):
        ask(server)
        (killed,) = until(lambda: exporting(group))
        os.kill(killed, signal.SIGKILL)
        until(lambda: ask(server, 1) and exporting(group) - {killed})  # noqa: B023 - at once
    ask(server)
    expected = scraped(server)
    until(lambda: count(otlp.metrics) == expected >= 60)
    found = told(otlp.metrics)
    counts = [each.data.count for each in found]
    assert counts == sorted(counts)
    assert len({each.data.start_time_unix_nano for each in found}) == 1
    assert len({each.resource["service.instance.id"] for each in found}) == 1


@pytest.mark.once
def test_deltas_add_up_over_workers_that_come_and_go(serve, otlp, group, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
    server = serve(*GUNICORN)
    for _ in range(3):
        ask(server)
        (old,) = until(lambda: exporting(group))
        server.process.send_signal(signal.SIGHUP)  # new workers for all
        until(lambda: tried(server) and exporting(group) - {old})  # noqa: B023 - at once
    ask(server)
    expected = scraped(server)
    server.stop()
    assert sum(each.data.count for each in told(otlp.metrics)) == expected >= 80
    of = [(each.data.start_time_unix_nano, each.data.time_unix_nano) for each in told(otlp.metrics)]
    assert all(before[1] <= after[0] for before, after in pairwise(of))
