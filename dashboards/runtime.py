"""The dashboard of what runs the service: event loops, garbage, threads, pools, workers, and us."""

from grafana_foundation_sdk.models import dashboard

from dashboards import panels
from dashboards.board import board
from dashboards.panels import BYTES, HALF, NUMBER, PER_SECOND, SECONDS, SHARE, Panel
from dashboards.queries import JOB, Query, durations, or_none, quantiles, rate, ratio, series
from inprofile.core.metrics import (
    BACKGROUND_CPU,
    CONNECTIONS,
    DROPPED,
    ERRORS,
    GC_PAUSE,
    KEPT,
    LAG,
    LOOP_WAIT,
    MAX_CONNECTIONS,
    ON_LOOP,
    PENDING,
    READY,
    SERIES_OVERFLOW,
    STAGE,
    TASKS,
    THREADS_BUSY,
    THREADS_MAX,
    TIMEOUTS,
    USE_TIME,
    UTILIZATION,
    VERSIONS,
    WAIT_TIME,
    WORKER_REQUESTS,
)
from inprofile.rules.promql import label

PID = "{{instance}} {{pid}}"
POOL = "db_client_connection_pool_name"
POOL_NAME = "{{db_client_connection_pool_name}}"
VICTIM, CULPRIT = "http_route", "inprofile_culprit_route"
GENERATION = "cpython.gc.generation"
WAITS = label("stage", "loop_wait|threadpool_wait|db_pool_wait", "=~")
WORKERS = f"sum (inprofile_workers{{{JOB}}})"
MATRIX = 100


def runtime() -> dashboard.Dashboard:
    """It."""
    return board(
        "Runtime",
        "Event loops and who blocks whom, garbage, threads, pools, workers, and what we cost.",
        (),
        {
            "Event loops": loops(),
            "Garbage and waiting": waiting(),
            "Connection pools": pools(),
            "Workers": workers(),
            "inprofile itself": ourselves(),
        },
    )


def loops() -> list[Panel]:
    """How late and how busy they are, and because of whom."""
    lag = durations(LAG)
    waits = f"sum by ({VICTIM}, {CULPRIT}) ({rate(LOOP_WAIT)})"
    return [
        panels.lines(
            "Event loop lag",
            *quantiles(lag),
            unit=SECONDS,
            about="How late a timer is at random moments: what everything that is ready waits.",
        ),
        panels.heat("Event loop lags", lag.buckets(), about="How late a timer is."),
        panels.lines(
            "Event loop utilization",
            Query(series(UTILIZATION), f"{PID} {{{{method}}}}"),
            unit=SHARE,
            about="Part of the time in which the loop was busy. The method `selector` is exact,"
            " `estimate` is by the processor time of its thread.",
        ),
        panels.lines(
            "Tasks and ready callbacks",
            Query(series(TASKS), f"{PID} tasks"),
            Query(series(READY), f"{PID} ready"),
            unit=NUMBER,
            about="Tasks that are alive; callbacks that are ready to run (not told by uvloop).",
        ),
        panels.matrix(
            "Who blocks whom",
            f"topk({MATRIX}, {waits})",
            row=VICTIM,
            column=CULPRIT,
            unit=SHARE,
            about="How much of each second requests of the row's route were ready to run while"
            " a step of the column's route held the event loop.",
        ),
        panels.lines(
            "Culprits",
            Query(f"sum by ({CULPRIT}) ({rate(LOOP_WAIT)})", f"{{{{{CULPRIT}}}}}"),
            unit=SHARE,
            stacked=True,
            about="How much of each second others wait because of a route.",
        ),
        panels.lines(
            "p95 of time on the loop",
            Query(durations(ON_LOOP).quantile(0.95, "http.route"), "{{http_route}}"),
            unit=SECONDS,
            about="Time of one request on the event loop, in which nobody else could run.",
        ),
    ]


def waiting() -> list[Panel]:
    """What stops everybody, and what requests wait for."""
    pauses = durations(GC_PAUSE)
    return [
        panels.lines(
            "Garbage collection",
            Query(pauses.seconds_per_second(GENERATION), "generation {{cpython_gc_generation}}"),
            unit=SHARE,
            stacked=True,
            about="How much of each second is spent in it, all workers together.",
        ),
        panels.lines(
            "p99 of a pause",
            Query(pauses.quantile(0.99, GENERATION), "generation {{cpython_gc_generation}}"),
            unit=SECONDS,
            about="How long a garbage collection stopped its thread.",
        ),
        panels.lines(
            "Waiting",
            Query(durations(STAGE, WAITS).quantile(0.95, "stage"), "{{stage}}"),
            unit=SECONDS,
            about="p95 of what a request waits for the event loop, a thread of the pool or a"
            " connection.",
        ),
        panels.lines(
            "Threads of the server",
            Query(series(THREADS_BUSY), f"{PID} busy"),
            Query(series(THREADS_MAX), f"{PID} of"),
            unit=NUMBER,
            about="Of a server with threads: how many answer a request, and how many it has.",
        ),
    ]


def pools() -> list[Panel]:
    """Of databases."""
    state = "db_client_connection_state"
    most = f"sum by ({POOL}) ({series(MAX_CONNECTIONS)})"
    timeouts = f"sum by ({POOL}) ({rate(TIMEOUTS)})"
    return [
        panels.lines(
            "Connections",
            Query(
                f"sum by ({POOL}, {state}) ({series(CONNECTIONS)})", f"{POOL_NAME} {{{{{state}}}}}"
            ),
            Query(most, f"{POOL_NAME} allowed"),
            unit=NUMBER,
            about="Idle and used ones of all workers, and how many there may be.",
        ),
        panels.lines(
            "Waiting for a connection",
            Query(f"sum by ({POOL}) ({series(PENDING)})", f"{POOL_NAME} pending"),
            Query(or_none(timeouts, like=most), f"{POOL_NAME} given up in a second"),
            unit=NUMBER,
            about="Who waits now, and how many were given none in time.",
        ),
        panels.lines(
            "Time to get a connection",
            Query(durations(WAIT_TIME).quantile(0.95, POOL), f"{POOL_NAME} p95"),
            unit=SECONDS,
            about="Of 20 requests for a connection 19 get it sooner.",
        ),
        panels.lines(
            "Time a connection is held",
            Query(durations(USE_TIME).quantile(0.95, POOL), f"{POOL_NAME} p95"),
            unit=SECONDS,
            about="Between borrowing a connection and returning it.",
        ),
    ]


def workers() -> list[Panel]:
    """Whether they share the work."""
    return [
        panels.lines(
            "Requests by worker",
            Query(rate(WORKER_REQUESTS), PID),
            unit=PER_SECOND,
            stacked=True,
            about="Requests answered in a second, by process.",
        ),
        panels.lines(
            "CPU by worker",
            Query(f"rate(inprofile_worker_cpu_seconds_total{{{JOB}}}[$__rate_interval])", PID),
            unit=SHARE,
            about="100 % is one core.",
        ),
        panels.lines(
            "Memory by worker",
            Query(f"inprofile_worker_resident_memory_bytes{{{JOB}}}", PID),
            unit=BYTES,
            about="Resident memory of a process.",
        ),
        panels.lines(
            "Age of workers",
            Query(f"time() - inprofile_worker_start_time_seconds{{{JOB}}}", PID),
            unit=SECONDS,
            about="Since a process began to count: a line that falls back to 0 is a restart.",
        ),
        panels.lines(
            "Versions",
            Query(f"sum by (service_version) ({series(VERSIONS)})", "{{service_version}}"),
            unit=NUMBER,
            stacked=True,
            width=24,
            about="Live workers of each version of the service.",
        ),
    ]


def ourselves() -> list[Panel]:
    """What we cost, and what we have turned away."""
    return [
        panels.lines(
            "CPU of inprofile's own thread",
            Query(ratio(f"sum ({rate(BACKGROUND_CPU)})", WORKERS), "of one core, each worker"),
            unit=SHARE,
            about="It looks at kept traces and stores them. What a request itself costs more is"
            " in README.md.",
        ),
        panels.lines(
            "Scrapes",
            Query(f"scrape_duration_seconds{{{JOB}}}", "{{instance}}"),
            unit=SECONDS,
            about="How long Prometheus takes to read one.",
        ),
        panels.lines(
            "Kept traces",
            Query(f"sum by (reason) ({rate(KEPT)})", "{{reason}}"),
            unit=PER_SECOND,
            about="Traces kept in a second, by why they were kept.",
        ),
        panels.lines(
            "Turned away",
            Query(or_none(f"sum ({rate(DROPPED)})", like=WORKERS), "spans or traces"),
            Query(or_none(f"sum ({rate(SERIES_OVERFLOW)})", like=WORKERS), "series"),
            Query(f"sum ({rate(ERRORS)})", "errors of inprofile"),
            unit=PER_SECOND,
            about="By a bound: spans folded into their stage, traces not stored, observations"
            " counted in an overflow series. And our own errors, which the app did not see.",
            width=HALF,
        ),
    ]
