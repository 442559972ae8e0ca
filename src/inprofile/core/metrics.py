"""The metric families that the cells hold, each declared once."""

from dataclasses import dataclass

COUNTER, GAUGE, RATIO, TOTAL, HISTOGRAM = "counter", "gauge", "ratio", "total", "histogram"
EXEMPLARS = "exemplars"
OWN = "own"

GAUGES = frozenset({GAUGE, RATIO, OWN})
"""What a worker has now, and takes with it when it ends."""

RATIO_PARTS = 1_000_000
"""A ratio is held in so many parts."""


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """One metric: its name, type, label names and the cap on its series.

    ``counter``, ``gauge``, ``ratio`` and ``own`` (a counter that its worker takes with it) hold
    one number; ``total`` holds a sum of nanoseconds, the largest and a count; ``histogram`` a sum
    of nanoseconds, the largest and the buckets; ``exemplars`` those of another family's histograms.
    """

    name: str
    type: str
    labels: tuple[str, ...]
    cap: int
    help: str


REQUESTS = Family(
    "http.server.request.duration",
    HISTOGRAM,
    (
        "http.request.method",
        "http.route",
        "http.response.status_code",
        "url.scheme",
        "error.type",
    ),
    2000,
    "Duration of HTTP server requests, up to the last body byte.",
)
ACTIVE = Family(
    "http.server.active_requests",
    GAUGE,
    ("http.request.method", "url.scheme"),
    50,
    "Number of HTTP server requests under way.",
)
FIRST_BYTE = Family(
    "inprofile.time_to_first_byte",
    HISTOGRAM,
    ("http.route",),
    1000,
    "From the arrival of a request to the start of its streamed response.",
)
STAGE = Family(
    "inprofile.stage.duration",
    HISTOGRAM,
    ("http.route", "stage"),
    4000,
    "Exclusive time of one request in one stage; the stages add up to the whole.",
)
DB = Family(
    "db.client.operation.duration",
    HISTOGRAM,
    ("http.route", "db.system.name", "db.operation.name", "db.collection.name", "db.query.text"),
    2000,
    "Duration of database operations (execute and fetch) and of a cache's commands.",
)
HTTP_CLIENT = Family(
    "http.client.request.duration",
    HISTOGRAM,
    (
        "http.route",
        "http.request.method",
        "server.address",
        "http.response.status_code",
        "error.type",
    ),
    1000,
    "Duration of outbound HTTP requests.",
)
POOL_NAME = "db.client.connection.pool.name"
CONNECTIONS = Family(
    "db.client.connection.count",
    GAUGE,
    (POOL_NAME, "db.client.connection.state"),
    100,
    "Connections of a pool that are idle or used.",
)
MAX_CONNECTIONS = Family(
    "db.client.connection.max", GAUGE, (POOL_NAME,), 50, "Connections that a pool may have open."
)
PENDING = Family(
    "db.client.connection.pending_requests",
    GAUGE,
    (POOL_NAME,),
    50,
    "Requests that wait for a connection of a pool.",
)
TIMEOUTS = Family(
    "db.client.connection.timeouts",
    COUNTER,
    (POOL_NAME,),
    50,
    "Requests that were given no connection of a pool in time.",
)
WAIT_TIME = Family(
    "db.client.connection.wait_time",
    HISTOGRAM,
    (POOL_NAME,),
    50,
    "How long it took to obtain a connection of a pool.",
)
USE_TIME = Family(
    "db.client.connection.use_time",
    HISTOGRAM,
    (POOL_NAME,),
    50,
    "Between borrowing a connection of a pool and returning it.",
)
JOBS = Family(
    "inprofile.job.duration",
    HISTOGRAM,
    ("inprofile.job", "error.type"),
    500,
    "Duration of jobs and background tasks.",
)
WEBSOCKETS = Family(
    "inprofile.websocket.duration",
    HISTOGRAM,
    ("http.route",),
    500,
    "Duration of websocket connections.",
)
MESSAGES = Family(
    "inprofile.websocket.messages",
    COUNTER,
    ("http.route", "direction"),
    1000,
    "Websocket messages received and sent.",
)
OPERATION = Family(
    "inprofile.operation",
    TOTAL,
    ("http.route", "stage", "name"),
    5000,
    "Calls of one named operation (dependency, middleware, log call, serializer ...).",
)
LOOP_TYPE = "inprofile.event_loop.type"
LAG = Family(
    "inprofile.event_loop.lag",
    HISTOGRAM,
    (LOOP_TYPE,),
    10,
    "How late the event loop is: the delay of a timer at random moments.",
)
UTILIZATION = Family(
    "inprofile.event_loop.utilization",
    RATIO,
    (LOOP_TYPE, "method", "pid"),
    500,
    "Part of the time in which the event loop was busy (method: selector is exact).",
)
TASKS = Family(
    "inprofile.event_loop.tasks", GAUGE, ("pid",), 500, "Tasks of asyncio that are alive."
)
READY = Family(
    "inprofile.event_loop.ready_callbacks",
    GAUGE,
    ("pid",),
    500,
    "Callbacks that are ready to run in the event loop.",
)
THREADS_BUSY = Family(
    "inprofile.threads.busy",
    GAUGE,
    ("pid",),
    500,
    "Threads of the server that answer a request; n/a where it does not say how many it has.",
)
THREADS_MAX = Family(
    "inprofile.threads.max", GAUGE, ("pid",), 500, "Threads that the server has for requests."
)
WORKER_REQUESTS = Family(
    "inprofile.worker.requests", OWN, ("pid",), 500, "Requests that a worker has answered."
)
VERSIONS = Family(
    "inprofile.service.workers",
    GAUGE,
    ("service.version",),
    20,
    "Live workers of each version of the service.",
)
BACKGROUND_CPU = Family(
    "inprofile.background.cpu",
    TOTAL,
    (),
    1,
    "CPU time of inprofile's own thread, which looks at kept traces and stores them.",
)
CULPRIT = "inprofile.culprit.route"
LOOP_WAIT = Family(
    "inprofile.event_loop.wait",
    TOTAL,
    ("http.route", CULPRIT),
    2000,
    "How long a route was ready while a step of the culprit's held the event loop.",
)
ON_LOOP = Family(
    "inprofile.on_loop.duration",
    HISTOGRAM,
    ("http.route",),
    1000,
    "Time of one request on the event loop, in which nobody else could run.",
)
GC_PAUSE = Family(
    "inprofile.gc.pause",
    HISTOGRAM,
    ("cpython.gc.generation",),
    5,
    "How long a garbage collection stopped its thread.",
)
FINDINGS = Family(
    "inprofile.findings",
    COUNTER,
    ("kind", "http.route"),
    2000,
    "Findings of all finished traces, kept or not: each counts once in a trace.",
)
KEPT = Family(
    "inprofile.traces.kept", COUNTER, ("reason",), 20, "Traces kept, by why they were kept."
)
DROPPED = Family(
    "inprofile.dropped",
    COUNTER,
    ("what",),
    20,
    "What a bound turned away: spans folded into their stage, traces not stored.",
)
ERRORS = Family(
    "inprofile.errors", COUNTER, (), 1, "Errors of inprofile itself; the app did not see them."
)
SERIES_OVERFLOW = Family(
    "inprofile.series.overflow",
    COUNTER,
    ("family",),
    50,
    "How often a series was turned away by a cap; it counts in the overflow series.",
)

EXEMPLARS_OF = {
    family.name: Family(
        f"{family.name}.exemplars", EXEMPLARS, family.labels, family.cap // 4, family.help
    )
    for family in (REQUESTS, STAGE, DB, HTTP_CLIENT, JOBS)
}
"""Of the histograms whose observations are traces or in traces. A kept trace is seldom."""

FAMILIES = (
    REQUESTS,
    ACTIVE,
    FIRST_BYTE,
    STAGE,
    DB,
    HTTP_CLIENT,
    CONNECTIONS,
    MAX_CONNECTIONS,
    PENDING,
    TIMEOUTS,
    WAIT_TIME,
    USE_TIME,
    JOBS,
    WEBSOCKETS,
    MESSAGES,
    OPERATION,
    LAG,
    UTILIZATION,
    TASKS,
    READY,
    THREADS_BUSY,
    THREADS_MAX,
    WORKER_REQUESTS,
    VERSIONS,
    BACKGROUND_CPU,
    LOOP_WAIT,
    ON_LOOP,
    GC_PAUSE,
    FINDINGS,
    KEPT,
    DROPPED,
    ERRORS,
    SERIES_OVERFLOW,
    *EXEMPLARS_OF.values(),
)
BY_NAME = {family.name: family for family in FAMILIES}
