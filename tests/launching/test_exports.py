"""What a collector gets below ``opentelemetry-instrument`` as it comes, without any setting."""

from importlib.metadata import entry_points

import httpx
import pytest

from tests.exporters.received import spans
from tests.launching.launchers import OPENTELEMETRY
from tests.otlp import points, until

REQUESTS = 20
SHOP = "tests.launching.shop"
SERVERS = {
    "uvicorn": ("uvicorn", "--port", "{port}", f"{SHOP}:fastapi"),
    "gunicorn": ("gunicorn", "--bind", "127.0.0.1:{port}", "--workers", "2", f"{SHOP}:flask"),
}
HAS_DISTRO = bool(entry_points(group="opentelemetry_distro"))


@pytest.fixture(params=["alone", "with a distro"])
def _as_it_comes(request, monkeypatch):
    """Alone it sets no providers up; the distribution of OpenTelemetry's own does."""
    is_alone = request.param == "alone"
    if not is_alone and not HAS_DISTRO:
        pytest.skip("opentelemetry-distro is not installed")
    for name in ("INPROFILE_OTEL", "OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER"):
        monkeypatch.delenv(name)
    if is_alone and HAS_DISTRO:
        monkeypatch.setenv("OTEL_PYTHON_CONFIGURATOR", "none")
        monkeypatch.setenv("OTEL_PYTHON_DISTRO", "none")


@pytest.mark.usefixtures("_as_it_comes")
@pytest.mark.parametrize("command", SERVERS.values(), ids=list(SERVERS))
def test_one_span_of_the_server_and_one_count_for_each_request(command, serve, otlp):
    server = serve(*OPENTELEMETRY, *command)
    for _ in range(REQUESTS):
        httpx.get(f"{server.url}/pid", trust_env=False).raise_for_status()
    expected = REQUESTS + 1  # and the one of who waited for the server

    def entries():
        return [each["name"] for each in spans(otlp.traces) if each["kind"] == "SERVER"]

    until(lambda: len(entries()) >= expected)
    server.stop()
    assert entries() == ["GET /pid"] * expected
    told = [
        point
        for arrival in otlp.metrics
        for point in points(arrival, "http.server.request.duration", http_route="/pid")
        if point.scope == "inprofile"
    ]
    assert told[-1].data.count == expected
