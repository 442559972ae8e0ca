"""Beside other tools, put on and taken off in any order: they see what they saw without us."""

import os
import sys
import tempfile
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest
from fastapi import BackgroundTasks, FastAPI
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.background import BackgroundTask

import inprofile
from inprofile.testing import record
from tests import asgi
from tests.child import run
from tests.exporters.exposed import total, values

# OpenTelemetry

PROGRAM = Path(__file__).with_name("coexisting.py")


def is_there(module):
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # nor is the package that it would be in
        return False


CONTRIB = [
    name
    for name in ("fastapi", "sqlalchemy", "httpx")
    if is_there(f"opentelemetry.instrumentation.{name}")
]
"""The instrumentors of OpenTelemetry's contrib repository that are installed."""

ON = [f"contrib-{name}" for name in CONTRIB]
OFF = [f"-{name}" for name in reversed(ON)]

contrib = pytest.mark.skipif("fastapi" not in CONTRIB, reason="needs contrib's instrumentors")
native = pytest.mark.skipif(not is_there("fastapi.telemetry"), reason="needs FastAPI 0.142")


def told(*steps):
    """What each ``ask`` of the steps found."""
    with tempfile.TemporaryDirectory() as home:
        variables: dict[str, str | Path] = {
            "PYTHONPATH": os.pathsep.join(sys.path),
            "INPROFILE_DIR": Path(home) / "base",
            "INPROFILE_LOOP_BLOCK_MS": "60000",  # how busy the machine is, is no trace
        }
        return run(PROGRAM, *steps, **variables)


@pytest.fixture(scope="module")
def without_us():
    """What FastAPI's own telemetry alone sees, and what it sees together with contrib's."""
    if not CONTRIB:
        return told("provider", "ask") * 2
    both, alone = told("provider", *ON, "ask", *OFF, "ask")
    return alone, both


def ours(route, status=200, error=None, *, door="http", kinds=("db", "handler", "http")):
    return {
        "door": door,
        "route": route,
        "status": status,
        "error": error,
        "middleware": ["Passing"] if door == "http" else [],
        "kinds": [*kinds],
        "adds up": True,
    }


MAIL = ours("background:shop.<locals>.mail", 0, door="background", kinds=["handler"])
OURS = [
    ours("/orders/{number}"),
    MAIL,
    ours("/orders/{number}"),
    MAIL,
    ours("/orders/{number}", 422, kinds=["db"]),
    ours("/broken", 500, "500", kinds=["handler"]),
    ours("_UNMATCHED", 404, kinds=[]),
]
"""The traces of one ``ask``, whoever else is there."""


def check(steps, without_us, traces=OURS):
    """Each ``ask`` finds what the tools that are on at that time find alone."""
    asks = told("provider", *steps)
    on: set[str] = set()
    for step in steps:
        if step != "ask":
            (on.discard if step.startswith("-") else on.add)(step.removeprefix("-"))
            continue
        found, expected = asks.pop(0), without_us["contrib-fastapi" in on]
        assert found["traces"] == (traces if "inprofile" in on else [])
        assert {**found, "traces": []} == expected
    assert asks == []


@native
def test_each_tool_alone_makes_one_server_span_for_a_request_and_hands_its_trace_on(without_us):
    """What the tests below compare with is what it should be."""
    for found in without_us:
        servers = [span for span in found["spans"] if span["kind"] == "SERVER"]
        assert [span["in the caller's trace"] for span in servers] == [True, *[False] * 4]
        assert servers[0]["parent"] == "the caller's"
        assert [answer[0] for answer in found["answers"]] == [200, 200, 422, 500, 404]
        assert (found["said"], found["errors"], found["traces"]) == ([], 0, [])
    if "httpx" in CONTRIB:
        _, both = without_us
        assert [answer[1]["called from"] for answer in both["answers"][:2]] == [
            ["GET", True],
            ["GET", False],
        ]


@native
def test_fastapis_own_telemetry_sees_what_it_saw(without_us):
    check(["inprofile", "ask", "-inprofile", "ask"], without_us)


@native
def test_the_same_where_the_line_runs_after_the_first_requests(without_us):
    """Then middlewares are not told apart."""
    traces = [{**trace, "middleware": []} for trace in OURS]
    check(["ask", "inprofile", "ask", "-inprofile", "ask"], without_us, traces)


ORDERS = {
    "last on, first off": [*ON, "inprofile", "ask", "-inprofile", "ask", *OFF, "ask"],
    "first on, first off": ["inprofile", *ON, "ask", "-inprofile", "ask", *OFF, "ask"],
    "first on, last off": ["inprofile", *ON, "ask", *OFF, "ask", "-inprofile", "ask"],
    "last on, off at once": [*ON, "inprofile", "-inprofile", "ask", *OFF, "ask"],
    "first on, off at once": ["inprofile", *ON, "-inprofile", "ask", *OFF, "ask"],
}


@contrib
@pytest.mark.parametrize(
    "steps",
    [pytest.param(steps, id=name) for name, steps in ORDERS.items()],
)
def test_contribs_instrumentors_see_what_they_saw(without_us, steps):
    check(steps, without_us)


@contrib
def test_where_contrib_puts_back_what_it_found_every_request_is_still_counted(without_us):
    """What it takes off with itself: the names of middlewares, and background tasks."""
    both, alone, neither = told(
        "provider", *ON, "inprofile", "ask", *OFF, "ask", "-inprofile", "ask"
    )
    expected, seen = without_us
    assert (both.pop("traces"), neither.pop("traces")) == (OURS, [])
    assert alone.pop("traces") == [
        {**trace, "middleware": []} for trace in OURS if trace is not MAIL
    ]
    assert ({**both, "traces": []}, {**alone, "traces": []}) == (seen, expected)
    assert {**neither, "traces": []} == expected


# prometheus-fastapi-instrumentator


@pytest.mark.parametrize("late", [False, True], ids=["line first", "line last"])
def test_the_fastapi_instrumentator_counts_as_it_did_and_can_serve_our_metrics_too(late):
    instrumentator = pytest.importorskip("prometheus_fastapi_instrumentator")
    app, registry = FastAPI(), CollectorRegistry()

    @app.get("/items/{number}")
    async def item(number: int):
        return number

    if not late:
        inprofile.instrument(app)
    instrumentator.Instrumentator(registry=registry).instrument(app).expose(app)
    if late:
        inprofile.instrument(app)
    registry.register(inprofile.collector())
    with record() as recorded:
        for number in range(3):
            asgi.asked(app, f"/items/{number}")
    start, *rest = asgi.asked(app, "/metrics")
    body = b"".join(message["body"] for message in rest)
    assert start["status"] == 200
    labels = {"handler": "/items/{number}", "method": "GET", "status": "2xx"}
    assert values(body, "http_requests_total") == [(labels, 3)]
    count = "http_server_request_duration_seconds_count"
    assert total(body, count, http_route="/items/{number}") == 3
    names = [
        [span.name for span in trace.spans if span.kind == "middleware"]
        for trace in recorded.traces
    ]
    assert names == [["PrometheusInstrumentatorMiddleware"]] * 3


# Tools that put themselves around the application, as Sentry, Datadog and Elastic do


def hello():
    app = FastAPI()

    @app.get("/")
    async def root():
        return "hello"

    return app


class Tool:
    """Puts itself around an application in one of the usual ways, and notes what it sees."""

    def __init__(self, app, monkeypatch):
        self.app = app
        self.seen = []
        self.patch = monkeypatch.setattr

    def around(self, application):
        async def outer(scope, receive, send):
            self.seen.append(scope["path"])
            await application(scope, receive, send)

        return outer

    def around_every_call(self):
        original = Starlette.__call__

        async def call(app, scope, receive, send):
            await self.around(partial(original, app))(scope, receive, send)

        self.patch(Starlette, "__call__", call)

    def around_every_stack(self):
        original = FastAPI.build_middleware_stack
        self.patch(FastAPI, "build_middleware_stack", lambda app: self.around(original(app)))

    def around_this_stack(self):
        build = self.app.build_middleware_stack
        self.app.build_middleware_stack = lambda: self.around(build())


WAYS = [Tool.around_every_call, Tool.around_every_stack, Tool.around_this_stack]


ways = pytest.mark.parametrize("put_on", [pytest.param(way, id=way.__name__) for way in WAYS])


@pytest.fixture
def app():
    return hello()


@pytest.fixture
def tool(app, monkeypatch):
    return Tool(app, monkeypatch)


def asked(app, times=1):
    """How often the application was asked, and what we recorded of that."""
    with record() as recorded:
        for _ in range(times):
            assert asgi.asked(app, "/")[0]["status"] == 200
    return [(trace.route, trace.status) for trace in recorded.traces]


@ways
@pytest.mark.parametrize("first", ["the tool", "we"])
def test_another_tool_sees_every_request_and_so_do_we(app, tool, put_on, first):
    if first == "the tool":
        put_on(tool)
    inprofile.instrument(app)
    if first == "we":
        put_on(tool)
    assert asked(app, 3) == [("/", 200)] * 3
    assert tool.seen == ["/"] * 3
    inprofile.uninstrument()
    assert asked(app, 3) == []
    assert tool.seen == ["/"] * 6


@ways
def test_a_tool_that_was_there_before_stays_when_we_go_before_the_first_request(app, tool, put_on):
    put_on(tool)
    inprofile.instrument(app)
    inprofile.uninstrument()
    asgi.asked(app, "/")
    assert tool.seen == ["/"]


@ways
def test_a_tool_that_came_after_us_stays_when_we_go_before_the_first_request(app, tool, put_on):
    inprofile.instrument(app)
    put_on(tool)
    inprofile.uninstrument()
    asgi.asked(app, "/")
    assert tool.seen == ["/"]


@ways
def test_a_tool_around_us_does_not_keep_one_app_measured_that_was_taken_off(app, tool, put_on):
    other = inprofile.instrument(hello())
    inprofile.instrument(app)
    put_on(tool)
    assert asked(app) == [("/", 200)]
    inprofile.uninstrument(app)
    assert asked(app) == []
    assert asked(other) == [("/", 200)]
    assert tool.seen.count("/") >= 2


def test_a_stack_that_is_built_anew_is_measured_once_as_before(app):
    inprofile.instrument(app)
    assert asked(app) == [("/", 200)]
    app.middleware_stack = None  # as test suites do that change the middleware
    assert asked(app, 2) == [("/", 200)] * 2
    inprofile.uninstrument(app)
    app.middleware_stack = None
    assert asked(app) == []


def test_putting_us_on_and_off_many_times_leaves_no_layer(app):
    bare = app.build_middleware_stack
    for _ in range(50):
        inprofile.instrument(app)
        assert asked(app) == [("/", 200)]
        inprofile.uninstrument()
    assert "build_middleware_stack" not in vars(app)
    assert app.build_middleware_stack == bare
    depth, layer = 0, app.middleware_stack
    while hasattr(layer, "app"):
        depth, layer = depth + 1, layer.app
    alone = hello()
    asgi.asked(alone, "/")
    expected, layer = 0, alone.middleware_stack
    while hasattr(layer, "app"):
        expected, layer = expected + 1, layer.app
    assert depth == expected


def test_a_patch_that_was_left_below_a_tools_own_is_not_put_on_twice(app, monkeypatch):
    monkeypatch.setattr(BackgroundTask, "__call__", BackgroundTask.__call__)  # back at the end

    @app.get("/later")
    async def later(tasks: BackgroundTasks):
        tasks.add_task(list)

    inprofile.instrument(app)
    found = BackgroundTask.__call__

    async def call(task):
        await found(task)

    BackgroundTask.__call__ = call  # type: ignore[method-assign]
    inprofile.uninstrument()
    BackgroundTask.__call__ = found  # type: ignore[method-assign]
    inprofile.instrument(app)
    with record() as recorded:
        asgi.asked(app, "/later")
    assert [trace.route for trace in recorded.traces] == ["/later", "background:list"]
