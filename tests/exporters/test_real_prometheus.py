"""What a real Prometheus reads of us: several workers, classic and native histograms, exemplars."""

import time

import httpx
import pytest

from tests.prometheus import prometheus

WORKERS = (
    *("gunicorn", "tests.load.shop:app", "--bind", "127.0.0.1:{port}", "--workers", "2"),
    *("--worker-class", "uvicorn_worker.UvicornWorker", "--log-level", "critical"),
)


@pytest.fixture
def scraped(serve, base, monkeypatch):
    """The shop with two workers, and a Prometheus that scrapes it."""
    monkeypatch.setenv("INPROFILE_SAMPLE_RATE", "1")
    server = serve(*WORKERS)
    with prometheus([server.url.removeprefix("http://")]) as reader:
        yield server, reader


def until(look, limit_s=60):
    """What ``look`` finds as soon as it finds something."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError("nothing was found in time")


def test_it_reads_counts_native_quantiles_and_exemplars(scraped):
    server, reader = scraped
    for _ in range(40):
        httpx.get(f"{server.url}/pid").raise_for_status()
    count = 'histogram_count(http_server_request_duration_seconds{http_route="/pid"})'
    until(lambda: [each for each in reader.query(count) if float(each["value"][1]) >= 40])
    p95 = 'histogram_quantile(0.95, http_server_request_duration_seconds{http_route="/pid"})'
    assert 0 < reader.value(p95) < 10
    (target,) = reader.targets()
    assert (target["health"], target["lastError"]) == ("up", "")
    now = time.time()
    found = reader.exemplars("http_server_request_duration_seconds", now - 600, now + 600)
    assert {len(one["labels"]["trace_id"]) for each in found for one in each["exemplars"]} == {32}
