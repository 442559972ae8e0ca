"""What one process pushes to a receiver of OTLP, and what is said where that fails."""

import os
import subprocess
import threading
import time

import pytest
import requests
from fastapi import FastAPI
from fastapi.testclient import TestClient

import inprofile
from tests.child import command
from tests.one_process import running, work
from tests.otlp import points, until

JOB = "inprofile.job.duration"
LOADED = "inprofile.exporters.otel_metrics.sender"

ENDING = f"""
import sys, time
import inprofile
inprofile.instrument()
with inprofile.job("mail"):
    pass
while "{LOADED}" not in sys.modules:
    time.sleep(0.02)
time.sleep(0.5)
print("ready", flush=True)
sys.stdin.read()
"""
"""A process that has exported, or tries to, and ends when it is told to."""


@pytest.fixture(autouse=True)
def _pushing(monkeypatch):
    monkeypatch.setenv("INPROFILE_OTEL", "metrics")


def latest(otlp, name=JOB):
    """The points of a metric in the latest export, when there is one."""
    return points(otlp.metrics[-1], name) if otlp.metrics else []


def said(caplog):
    return [record.getMessage() for record in caplog.records]


def test_jobs_arrive_as_they_were_counted(otlp, group):
    inprofile.instrument()
    for _ in range(7):
        work()
    (point,) = until(lambda: latest(otlp))
    assert (point.kind, point.temporality, point.data.count) == ("histogram", "CUMULATIVE", 7)
    assert point.attributes == {"inprofile.job": "job:mail"}
    assert point.scope == "inprofile"
    began_ns = (group / "fold.lock").stat().st_mtime_ns
    assert point.data.start_time_unix_nano == began_ns < point.data.time_unix_nano


def test_what_was_counted_last_arrives_when_it_ends(otlp, group, monkeypatch):
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "3000")
    inprofile.instrument()
    work()
    until(lambda: otlp.metrics)
    work()
    inprofile.uninstrument()
    assert [point.data.count for point in latest(otlp)] == [2]


def test_an_app_that_shuts_down_exports_before_its_server_ends_and_goes_on(
    otlp, group, monkeypatch
):
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "3000")
    app = FastAPI()
    inprofile.instrument(app)
    with TestClient(app) as client:
        client.get("/")
        until(lambda: otlp.metrics)
        client.get("/")
    name = "http.server.request.duration"
    assert [point.data.count for point in latest(otlp, name)] == [2]
    TestClient(app).get("/")
    until(lambda: [point.data.count for point in latest(otlp, name)] == [3])


def test_headers_and_compression_are_those_of_the_environment(otlp, group, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=secret")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    inprofile.instrument()
    work()
    headers = until(lambda: otlp.metrics)[0].headers
    assert (headers["api-key"], headers["content-encoding"]) == ("secret", "gzip")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, {}),
        ({"INPROFILE_SERVICE": "ours"}, {"service.name": "ours"}),
        ({"OTEL_SERVICE_NAME": "theirs"}, {"service.name": "theirs"}),
        (
            {"OTEL_SERVICE_NAME": "theirs", "INPROFILE_SERVICE": "ours"},
            {"service.name": "theirs"},
        ),
        (
            {"OTEL_RESOURCE_ATTRIBUTES": "service.name=a,service.instance.id=pod-1,team=b"},
            {"service.name": "a", "service.instance.id": "pod-1", "team": "b"},
        ),
    ],
    ids=["nothing", "our setting", "theirs", "both", "attributes"],
)
def test_the_resource_is_what_the_environment_says(otlp, group, monkeypatch, variables, expected):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    inprofile.instrument()
    work()
    resource = until(lambda: latest(otlp))[0].resource
    assert expected.items() <= resource.items()
    assert resource["telemetry.sdk.language"] == "python"
    assert len(resource["service.instance.id"]) in {5, 36}


def test_exponential_deltas_are_to_be_had(otlp, group, monkeypatch):
    prefix = "OTEL_EXPORTER_OTLP_METRICS"
    monkeypatch.setenv(f"{prefix}_TEMPORALITY_PREFERENCE", "lowmemory")
    monkeypatch.setenv(
        f"{prefix}_DEFAULT_HISTOGRAM_AGGREGATION", "base2_exponential_bucket_histogram"
    )
    inprofile.instrument()
    for _ in range(3):
        work()
        before = len(otlp.metrics)
        until(lambda before=before: len(otlp.metrics) > before + 1)  # type: ignore[misc]
    inprofile.uninstrument()
    found = [point for arrival in otlp.metrics for point in points(arrival, JOB)]
    assert {(point.kind, point.temporality) for point in found} == {
        ("exponential_histogram", "DELTA")
    }
    assert sum(point.data.count for point in found) == 3
    assert all(sum(each.data.positive.bucket_counts) == each.data.count for each in found)


def test_what_is_counted_alone_is_exported_alone(otlp, tmp_path, monkeypatch, caplog):
    (tmp_path / "open").mkdir(mode=0o777)
    (tmp_path / "open").chmod(0o777)
    monkeypatch.setenv("INPROFILE_DIR", str(tmp_path / "open"))
    inprofile.instrument()
    work()
    assert running().private
    assert until(lambda: latest(otlp))[0].data.count == 1


def test_its_own_requests_are_nobodys(otlp, group, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
    inprofile.instrument(slow_ms=0, tracing=True)
    with inprofile.job("asks"):
        until(lambda: len(otlp.metrics) > 2)
        requests.get(otlp.url, timeout=60)
    until(lambda: any(points(arrival, JOB) for arrival in otlp.metrics))
    found = [
        point for each in otlp.metrics for point in points(each, "http.client.request.duration")
    ]
    assert [point.data.count for point in found] == [1]
    assert not any("traceparent" in arrival.headers for arrival in otlp.metrics)


@pytest.mark.parametrize(
    "variables",
    [{"OTEL_SDK_DISABLED": "true"}, {"INPROFILE_OTEL": "spans"}, {"INPROFILE_OTEL": ""}],
    ids=["disabled", "spans alone", "nothing"],
)
def test_nothing_is_begun_where_it_is_off(otlp, group, monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    inprofile.instrument()
    work()
    assert "inprofile-push" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"OTEL_METRICS_EXPORTER": "none"}, None),
        (
            {"OTEL_METRICS_EXPORTER": "spam"},
            "inprofile: no metrics are exported: there is no exporter 'spam' for metrics: none of",
        ),
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
            "inprofile: no metrics are exported: OTEL_EXPORTER_OTLP_PROTOCOL='http/json' is not",
        ),
    ],
    ids=["none", "unknown", "protocol"],
)
def test_what_cannot_be_is_said_once(otlp, group, monkeypatch, caplog, variables, expected):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    inprofile.instrument()
    work()
    if expected is not None:
        until(lambda: said(caplog))
    inprofile.uninstrument()
    assert [line.startswith(expected) for line in said(caplog)] == [True] * bool(expected)
    assert otlp.metrics == []


@pytest.mark.parametrize("way", ["answers 400", "refuses"])
def test_a_receiver_that_is_away_is_said_once_and_once_that_it_is_back(
    otlp, group, monkeypatch, caplog, way
):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    if way == "refuses":
        otlp.refuse()
    else:
        otlp.status = 400
    inprofile.instrument()
    work()
    until(lambda: said(caplog))
    if way == "refuses":
        otlp.listen()
    else:
        until(lambda: otlp.refused > 3)
        otlp.status = 200
    work()
    until(lambda: [point.data.count for point in latest(otlp)] == [2])
    first, then = until(lambda: len(said(caplog)) > 1 and said(caplog))
    assert first.startswith("inprofile: OTLPMetricExporter cannot export metrics (")
    assert "it is tried again every 0.1 s" in first
    assert then == "inprofile: OTLPMetricExporter exports metrics again"


def test_requests_do_not_wait_for_a_receiver_that_hangs(otlp, group):
    otlp.hanging = True
    inprofile.instrument()
    work()
    until(lambda: otlp.refused)
    for _ in range(1000):
        work()
    assert otlp.refused == 1  # which hangs still


@pytest.mark.parametrize("way", ["hangs", "refuses", "500", "429", "takes it"])
def test_a_process_ends_whatever_its_receiver_does(otlp, group, way):
    if way == "hangs":
        otlp.hanging = True
    elif way == "refuses":
        otlp.refuse()
    elif way != "takes it":
        otlp.status = int(way)
    with subprocess.Popen(
        command(ENDING),
        env=os.environ | {"INPROFILE_LOOP": "0"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        if way not in {"refuses", "takes it"}:
            until(lambda: otlp.refused)
        began_s = time.monotonic()
        child.stdin.close()
        lines = child.stderr.read().decode().splitlines()
        child.wait()
        lasted_s = time.monotonic() - began_s
    assert lasted_s < 8  # 1.6 on a machine that has nothing else to do
    assert child.returncode == 0
    assert len(lines) <= 1, lines
    assert all("cannot export metrics" in line for line in lines)


FORKING = """
import os, signal, sys, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # CPython 3.12: a fork beside threads
import inprofile

def work():
    with inprofile.job("mail"):
        pass

inprofile.instrument()
work()
sys.stdin.readline()
if os.fork():
    signal.pause()
work()
sys.stdin.read()
os._exit(0)
"""


def test_a_forked_child_exports_when_its_parent_is_killed(otlp, group):
    with subprocess.Popen(command(FORKING), stdin=subprocess.PIPE) as parent:
        assert parent.stdin is not None
        until(lambda: latest(otlp))
        parent.stdin.write(b"\n")
        parent.stdin.flush()
        until(lambda: latest(otlp)[0].data.count == 2)
        parent.kill()
        parent.wait()
        before = len(otlp.metrics)
        until(lambda: len(otlp.metrics) > before + 3)
        parent.stdin.close()
    assert latest(otlp)[0].data.count == 2
