"""A receiver of OTLP over HTTP: what arrives, decoded; it can refuse, hang and fail, too."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

import inprofile
from tests.servers import free_port

LIMIT_S = 60
"""How long a test waits for what must come."""

SERVICES: dict[str, tuple[Any, Any]] = {
    "/v1/metrics": (ExportMetricsServiceRequest, ExportMetricsServiceResponse),
    "/v1/traces": (ExportTraceServiceRequest, ExportTraceServiceResponse),
}


class Arrival(NamedTuple):
    """One request: when it came, its headers, and what was in it."""

    at_ns: int
    headers: dict[str, str]
    message: Any


class Point(NamedTuple):
    """One number or histogram of a metric, with all that stands around it."""

    resource: dict[str, Any]
    scope: str
    metric: Any
    kind: str
    attributes: dict[str, Any]
    data: Any

    @property
    def temporality(self) -> str:
        """``DELTA`` or ``CUMULATIVE``; empty for a gauge, which has none."""
        number = getattr(getattr(self.metric, self.kind), "aggregation_temporality", 0)
        return ["", "DELTA", "CUMULATIVE"][number]


class Otlp:
    """Listens at ``url``.

    Takes what arrives at ``/v1/metrics`` and ``/v1/traces``, or answers ``status``, or with
    ``hanging`` not at all; ``refused`` counts those that were not taken.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.arrived: dict[str, list[Arrival]] = {path: [] for path in SERVICES}
        self.refused = 0
        self.status = 200
        self.hanging = False
        self._server: ThreadingHTTPServer | None = None
        self._released = threading.Event()

    def listen(self) -> None:
        """Begin, or go on after ``refuse``."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.take(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def refuse(self) -> None:
        """Listen no more: whoever comes is refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def release(self) -> None:
        """Refuse those who hang, so that they go on."""
        self._released.set()

    def take(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        body = request.rfile.read(int(request.headers["content-length"]))
        status, answer = self.status, b""
        if self.hanging:
            status = 400
            self.refused += 1
            self._released.wait()
        if status == 200:
            if request.headers["content-encoding"] == "gzip":
                body = gzip.decompress(body)
            asked, answered = SERVICES[request.path]
            headers = {name.lower(): value for name, value in request.headers.items()}
            arrival = Arrival(time.time_ns(), headers, asked.FromString(body))
            self.arrived[request.path].append(arrival)
            answer = answered().SerializeToString()
        elif not self.hanging:
            self.refused += 1
        request.send_response(status)
        request.send_header("content-type", "application/x-protobuf")
        request.send_header("content-length", str(len(answer)))
        request.end_headers()
        request.wfile.write(answer)

    @property
    def metrics(self) -> list[Arrival]:
        """The exports of metrics that have arrived."""
        return self.arrived["/v1/metrics"]

    @property
    def traces(self) -> list[Arrival]:
        """The exports of spans that have arrived."""
        return self.arrived["/v1/traces"]


def until(look: Callable[[], Any], limit_s: float = LIMIT_S) -> Any:
    """What ``look`` finds as soon as it finds something."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("nothing was found in time")


def points(arrival: Arrival, name: str = "", **attributes: Any) -> list[Point]:
    """The points of an export of metrics, of one ``name`` and with these labels if given.

    A label's dots are written as underscores here.
    """
    wanted = attributes.items()
    return [
        point
        for point in _points(arrival.message)
        if name in {"", point.metric.name} and wanted <= _spelled(point.attributes).items()
    ]


def _points(message: ExportMetricsServiceRequest) -> Iterator[Point]:
    for of in message.resource_metrics:
        resource = values(of.resource.attributes)
        for within in of.scope_metrics:
            for metric in within.metrics:
                kind = str(metric.WhichOneof("data"))
                for data in getattr(metric, kind).data_points:
                    about = values(data.attributes)
                    yield Point(resource, within.scope.name, metric, kind, about, data)


def values(attributes: Sequence[Any]) -> dict[str, Any]:
    """Attributes as a dictionary; those that are none of text or number are left out."""
    pairs = ((each.key, each.value, each.value.WhichOneof("value")) for each in attributes)
    return {key: getattr(value, kind) for key, value, kind in pairs if kind}


def _spelled(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name.replace(".", "_"): value for name, value in attributes.items()}


@pytest.fixture
def otlp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Otlp]:
    """A receiver to which everything is exported, many times a second."""
    receiver = Otlp()
    receiver.listen()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "100")
    yield receiver
    receiver.release()
    inprofile.uninstrument()  # as long as there is somebody to tell
    until(lambda: not [each for each in threading.enumerate() if each.name == "inprofile-push"])
    receiver.refuse()
