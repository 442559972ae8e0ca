"""What a scrape says: valid in both formats, and equal to what was counted."""

import asyncio
import os
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

import inprofile
from inprofile.core import metrics
from inprofile.core.slots import Worker
from inprofile.exporters.prometheus.exposition import exposition
from tests import asgi
from tests.child import command, environment
from tests.exporters.exposed import (
    COUNT,
    OPENMETRICS,
    PLAIN,
    buckets,
    families,
    scraped,
    total,
    values,
    whole,
)
from tests.exporters.sources import Fed, linux, shop

# Counts


@pytest.mark.parametrize("accept", [PLAIN, OPENMETRICS])
def test_every_request_is_counted_once_under_all_of_its_labels(accept):
    app = inprofile.instrument(shop())
    for path, method, times in [
        ("/items/1", "GET", 5),
        ("/items/2", "GET", 2),
        ("/items/two", "GET", 3),
        ("/items/1", "DELETE", 1),
        ("/items", "POST", 4),
        ("/broken", "GET", 2),
        ("/nowhere", "GET", 6),
    ]:
        for _ in range(times):
            asgi.asked(app, path, method)
    body = scraped(app, accept)
    found = [
        (
            labels.pop("http_request_method"),
            labels.pop("http_route"),
            labels.pop("http_response_status_code"),
            labels.pop("error_type"),
            labels,
            value,
        )
        for labels, value in values(body, COUNT)
    ]
    rest = {"url_scheme": "http"}
    assert found == [
        ("DELETE", "/items/{number}", "405", "", rest, 1),
        ("GET", "/broken", "500", "500", rest, 2),
        ("GET", "/items/{number}", "200", "", rest, 7),
        ("GET", "/items/{number}", "422", "", rest, 3),
        ("GET", "_UNMATCHED", "404", "", rest, 6),
        ("POST", "/items", "409", "", rest, 4),
    ]


@pytest.mark.parametrize("accept", [PLAIN, OPENMETRICS])
def test_every_family_is_there_from_the_first_scrape_on(accept):
    found = families(scraped(inprofile.instrument(shop()), accept))
    assert {name: family.type for name, family in found.items()} == {
        "http_server_request_duration_seconds": "histogram",
        "http_server_active_requests": "gauge",
        "inprofile_time_to_first_byte_seconds": "histogram",
        "inprofile_stage_duration_seconds": "histogram",
        "db_client_operation_duration_seconds": "histogram",
        "http_client_request_duration_seconds": "histogram",
        "db_client_connection_count": "gauge",
        "db_client_connection_max": "gauge",
        "db_client_connection_pending_requests": "gauge",
        "db_client_connection_timeouts": "counter",
        "db_client_connection_wait_time_seconds": "histogram",
        "db_client_connection_use_time_seconds": "histogram",
        "inprofile_job_duration_seconds": "histogram",
        "inprofile_websocket_duration_seconds": "histogram",
        "inprofile_websocket_messages": "counter",
        "inprofile_event_loop_lag_seconds": "histogram",
        "inprofile_event_loop_utilization_ratio": "gauge",
        "inprofile_event_loop_tasks": "gauge",
        "inprofile_event_loop_ready_callbacks": "gauge",
        "inprofile_threads_busy": "gauge",
        "inprofile_threads_max": "gauge",
        "inprofile_event_loop_wait_seconds": "counter",
        "inprofile_on_loop_duration_seconds": "histogram",
        "inprofile_gc_pause_seconds": "histogram",
        "inprofile_worker_requests": "counter",
        "inprofile_service_workers": "gauge",
        "inprofile_background_cpu_seconds": "counter",
        "inprofile_traces_kept": "counter",
        "inprofile_dropped": "counter",
        "inprofile_errors": "counter",
        "inprofile_findings": "counter",
        "inprofile_series_overflow": "counter",
        "inprofile_worker_resident_memory_bytes": "gauge",
        "inprofile_worker_cpu_seconds": "counter",
        "inprofile_worker_start_time_seconds": "gauge",
        "inprofile_workers": "gauge",
        "inprofile_skipped_files": "gauge",
    }
    assert all(family.documentation.endswith(".") for family in found.values())


def test_openmetrics_ends_as_it_must_and_names_counters_as_it_must(fed):
    fed.meter.count(metrics.KEPT, "slow")
    body, content_type = whole(
        exposition(fed.snapshot(), "application/openmetrics-text; version=1.0.0")
    )
    assert content_type.startswith("application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert body.endswith(b"# EOF\n")
    assert b"# TYPE inprofile_traces_kept counter\n" in body
    assert values(body, "inprofile_traces_kept_total") == [({"reason": "slow"}, 1)]


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "text/html",
        "application/openmetrics-text; version=soon",
        "application/openmetrics-text; version=",
        "text/plain; version=a.b",
        ";;,,=",
        "\xff\x00",
    ],
)
def test_whatever_a_client_accepts_it_gets_the_metrics(fed, accept):
    fed.request()
    body, content_type = whole(exposition(fed.snapshot(), accept))
    assert content_type.split(";")[0] in {PLAIN, OPENMETRICS}
    assert total(body, COUNT) == 1


@pytest.mark.parametrize("accept", [PLAIN, OPENMETRICS])
def test_a_request_under_way_is_seen_until_it_ends(accept):
    app = FastAPI()
    inprofile.instrument(app)
    metric_scope = asgi.scope("/metrics", headers=[(b"accept", accept.encode())])

    async def ask_meanwhile():
        begun, may_end = asyncio.Event(), asyncio.Event()

        @app.get("/slow")
        async def slow():
            begun.set()
            await may_end.wait()

        under_way = asyncio.create_task(asgi.exchange(app, asgi.scope("/slow")))
        await begun.wait()
        meanwhile = await asgi.exchange(app, dict(metric_scope))
        may_end.set()
        await under_way
        return meanwhile, await asgi.exchange(app, dict(metric_scope))

    labels = {"http_request_method": "GET", "url_scheme": "http"}
    assert [
        values(body["body"], "http_server_active_requests")
        for _, body in asyncio.run(ask_meanwhile())
    ] == [[(labels, 1)], [(labels, 0)]]


# Buckets


CLASSIC = [
    *("0.0001", "0.000125", "0.00015", "0.0002", "0.00025", "0.00035", "0.0005", "0.0006"),
    *("0.00075", "0.001", "0.00125", "0.0015", "0.002", "0.0025", "0.0035", "0.005", "0.006"),
    *("0.0075", "0.01", "0.0125", "0.015", "0.02", "0.025", "0.035", "0.05", "0.06", "0.075"),
    *("0.1", "0.125", "0.15", "0.2", "0.25", "0.35", "0.5", "0.6", "0.75"),
    *("1.0", "1.25", "1.5", "2.0", "2.5", "3.5", "5.0", "6.0", "7.5", "10.0", "15.0", "30.0"),
]
"""The bounds that are shown, of the hundreds that are counted."""


def test_the_buckets_shown_are_the_classic_ones(fed):
    fed.request()
    assert list(buckets(fed.scrape())) == [*CLASSIC, "+Inf"]
    assert list(buckets(fed.scrape(), "inprofile_stage_duration_seconds_bucket")) == [
        *CLASSIC,
        "+Inf",
    ]


def test_the_users_thresholds_are_shown_beside_them(monkeypatch):
    monkeypatch.setenv("INPROFILE_SLO_MS", "0.3,33.3,300,500,90000")
    app = inprofile.instrument(shop())
    asgi.asked(app, "/items/1")
    shown = list(buckets(scraped(app)))
    assert shown == sorted([*CLASSIC, "0.0003", "0.0333", "0.3", "90.0", "+Inf"], key=float)


def test_a_threshold_that_is_counted_anyway_is_shown_as_well(monkeypatch):
    monkeypatch.setenv("INPROFILE_SLO_MS", "31.25,4000")
    app = inprofile.instrument(shop())
    asgi.asked(app, "/items/1")
    shown = list(buckets(scraped(app)))
    assert shown == sorted([*CLASSIC, "0.03125", "4.0", "+Inf"], key=float)


def test_a_threshold_is_shown_as_it_is_counted():
    """Below a nanosecond it is counted as one."""
    slo_ms = (4e-7, 33.333333)
    fed = Fed(slo_ms)
    for length_ns in (0, 1, 2, 33_333_333, 33_333_334):
        fed.request(length_ns)
    body, _ = whole(exposition(fed.snapshot(), "", slo_ms))
    fed.close()
    shown = buckets(body)
    assert list(shown) == sorted([*CLASSIC, "1e-09", "0.033333333", "+Inf"], key=float)
    assert [shown[le] for le in ("1e-09", "0.0001", "0.025", "0.033333333", "0.035")] == [
        *(2, 3, 3, 4, 5)
    ]


SLO_MS = (0.3, 33.3, 300, 90_000)
EDGES_NS = [round(float(le) * 1e9) for le in CLASSIC] + [round(ms * 1e6) for ms in SLO_MS]
DURATIONS_NS = st.lists(
    st.one_of(
        st.integers(0, 200_000_000_000),
        st.sampled_from(EDGES_NS).flatmap(lambda edge: st.integers(edge - 1, edge + 1)),
    ),
    min_size=1,
    max_size=60,
)


@settings(deadline=None)
@given(DURATIONS_NS)
def test_every_bucket_shown_holds_exactly_what_is_not_above_it(durations_ns):
    fed = Fed(SLO_MS)
    for length_ns in durations_ns:
        fed.request(length_ns)
    body = fed.scrape()
    fed.close()
    shown = buckets(body)
    assert len(shown) == len(CLASSIC) + len(SLO_MS) + 1
    assert shown == {
        le: sum(length_ns <= float(le) * 1e9 for length_ns in durations_ns) for le in shown
    }
    assert list(shown.values()) == sorted(shown.values())
    assert shown["+Inf"] == total(body, COUNT) == len(durations_ns)
    seconds = total(body, "http_server_request_duration_seconds_sum")
    assert round(seconds * 1e9) == pytest.approx(sum(durations_ns), abs=1_000)


# Stages


def test_the_stages_of_a_route_add_up_to_its_requests_and_their_queue():
    app = inprofile.instrument(shop())
    for number in range(20):
        waited = f"t={time.time() - 0.5:.6f}".encode()
        headers = [(b"x-request-start", waited)] if number % 2 else []
        asgi.asked(app, f"/items/{number}", headers=headers)
        asgi.asked(app, "/broken")
    body = scraped(app)
    stage_sum = "inprofile_stage_duration_seconds_sum"
    for route in ("/items/{number}", "/broken"):
        stages = total(body, stage_sum, http_route=route)
        queue = total(body, stage_sum, http_route=route, stage="queue")
        requests = total(body, "http_server_request_duration_seconds_sum", http_route=route)
        assert stages - queue == pytest.approx(requests, abs=1e-8)
        assert (queue > 5) == (route == "/items/{number}")
    queued = total(
        body, "inprofile_stage_duration_seconds_count", http_route="/items/{number}", stage="queue"
    )
    assert queued == 10


# Workers


@linux
def test_each_live_worker_has_its_memory_and_cpu():
    app = inprofile.instrument(shop())
    began = time.time()
    cpu_before = time.process_time()
    asgi.asked(app, "/items/1")
    body = scraped(app)
    me = {"pid": str(os.getpid())}
    ((labels, memory),) = values(body, "inprofile_worker_resident_memory_bytes")
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    assert labels == me
    assert memory == pytest.approx(pages * os.sysconf("SC_PAGE_SIZE"), rel=0.2)
    ((labels, cpu),) = values(body, "inprofile_worker_cpu_seconds_total")
    assert labels == me
    assert cpu_before - 0.1 <= cpu <= time.process_time() + 0.1
    ((labels, start),) = values(body, "inprofile_worker_start_time_seconds")
    assert labels == me
    assert began - 0.1 <= start <= time.time() + 0.1
    assert values(body, "inprofile_workers") == [({}, 1)]


OTHER_WORKER = """
import os, sys, inprofile
inprofile.instrument()
with inprofile.job("other"):
    pass
print(os.getpid(), flush=True)
sys.stdin.read()
"""


@linux
def test_any_worker_answers_for_all_and_the_dead_keep_their_counts(monkeypatch):
    monkeypatch.setenv("INPROFILE_GROUP", "shop")
    app = inprofile.instrument(shop())
    asgi.asked(app, "/items/1")
    with subprocess.Popen(
        command(OTHER_WORKER),
        env=environment(INPROFILE_DIR=os.environ["INPROFILE_DIR"], INPROFILE_GROUP="shop"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        pid = other.stdout.readline().strip()
        both = scraped(app)
        other.kill()
        other.wait()
        alone = scraped(app)
    pids = [
        {labels["pid"] for labels, _ in values(body, "inprofile_worker_resident_memory_bytes")}
        for body in (both, alone)
    ]
    assert pids == [{str(os.getpid()), pid}, {str(os.getpid())}]
    assert [values(body, "inprofile_workers") for body in (both, alone)] == [[({}, 2)], [({}, 1)]]
    jobs = "inprofile_job_duration_seconds_count"
    assert [total(body, jobs) for body in (both, alone)] == [1, 1]
    assert [total(body, COUNT) for body in (both, alone)] == [1, 1]


@linux
def test_a_process_may_call_itself_anything(fed):
    """The kernel cuts a name off after 15 bytes, be it inside of a character."""
    comm = Path(f"/proc/self/task/{os.getpid()}/comm")
    before = comm.read_bytes()
    counted = fed.snapshot()
    counted.workers = [Worker(os.getpid(), 0)]
    try:
        comm.write_bytes("büro) (12345 ü".encode()[:15])
        body, _ = whole(exposition(counted, ""))
    finally:
        comm.write_bytes(before.rstrip())
    ((labels, memory),) = values(body, "inprofile_worker_resident_memory_bytes")
    assert (labels, memory > 1_000_000) == ({"pid": str(os.getpid())}, True)


def test_of_a_worker_that_just_ended_nothing_is_made_up(fed):
    ended = subprocess.Popen(command("pass"))
    ended.wait()
    counted = fed.snapshot()
    counted.workers = [Worker(ended.pid, 5_000_000_000)]
    body, _ = whole(exposition(counted, ""))
    assert values(body, "inprofile_worker_resident_memory_bytes") == []
    assert values(body, "inprofile_worker_cpu_seconds_total") == []
    assert values(body, "inprofile_worker_start_time_seconds") == [({"pid": str(ended.pid)}, 5)]


def test_files_that_could_not_be_read_are_told_by_why(fed):
    counted = fed.snapshot()
    counted.skipped = Counter({"version": 1, "torn": 2})
    body, _ = whole(exposition(counted, ""))
    assert values(body, "inprofile_skipped_files") == [
        ({"reason": "torn"}, 2),
        ({"reason": "version"}, 1),
    ]
