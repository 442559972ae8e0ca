"""The ASGI door: what a request's trace holds, wherever the line stands."""

import asyncio

import pytest
from fastapi import BackgroundTasks, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

import inprofile
from inprofile.core.recorder import current
from inprofile.doors.request import request_start_s
from inprofile.process import recorder
from inprofile.testing import record
from tests import asgi
from tests.core.fake_clock import FakeClock


def timed_by(clock):
    ours = recorder()
    assert ours is not None
    ours.clock = clock


class Passing:
    """A pure ASGI middleware of the user's."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


class Based(BaseHTTPMiddleware):
    """A middleware that runs what is below it in a task of its own."""

    async def dispatch(self, request, call_next):
        await asyncio.sleep(0.002)
        return await call_next(request)


def small():
    app = FastAPI()

    @app.get("/")
    async def root():
        await asyncio.sleep(0.001)
        return {}

    return app


def test_a_line_that_stands_twice_makes_one_trace():
    app = small()
    assert inprofile.instrument(app) is app
    inprofile.instrument(app)
    with record() as recorded:
        asgi.asked(app, "/")
    assert len(recorded.traces) == 1


def test_an_app_that_was_wrapped_before_makes_one_trace():
    app = small()
    wrapped = Passing(app)
    inprofile.instrument(app)
    outside = inprofile.instrument(wrapped)
    with record() as recorded:
        asgi.asked(outside, "/")
    assert recorded.trace.route == "/"


def test_a_line_in_the_lifespan_counts_from_the_first_request():
    app = small()
    asgi.asked(app, "/")  # the stack is built
    inprofile.instrument(app)
    with record() as recorded:
        asgi.asked(app, "/")
    assert recorded.trace.route == "/"


def test_any_asgi_callable_is_wrapped():
    async def bare(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    door = inprofile.instrument(bare)
    with record() as recorded:
        asgi.asked(door, "/x")
    trace = recorded.trace
    assert (trace.route, trace.status, sorted(trace.stages)) == (
        "_UNMATCHED",
        200,
        ["handler", "send"],
    )
    assert inprofile.uninstrument(door) is bare


def test_each_middleware_has_its_own_time_by_name():
    app = small()
    app.add_middleware(Passing)
    app.add_middleware(Based)
    inprofile.instrument(app)
    with record() as recorded:
        asgi.asked(app, "/")
    trace = recorded.trace
    spent = {span.name: span.self_ns for span in trace.spans if span.kind == "middleware"}
    assert sorted(spent) == ["Based", "Passing"]
    assert spent["Based"] > 2_000_000 > spent["Passing"]
    assert trace.stages["handler"] > 1_000_000
    assert sum(trace.stages.values()) == trace.wall_ns


def test_the_clock_ends_at_the_last_body_byte_and_streams_tell_the_first_apart():
    clock = FakeClock()

    async def chunks():
        for _ in range(3):
            clock.advance(2)
            yield b"x"

    async def stream(request):
        return StreamingResponse(chunks())

    app = Starlette(routes=[Route("/", stream)])
    inprofile.instrument(app)
    with record() as recorded:
        timed_by(clock)
        asgi.asked(app, "/")
    trace = recorded.trace
    assert trace.streamed
    assert (trace.first_byte_ns - trace.root.start_ns, trace.wall_ns) == (0, 6)
    assert trace.stages["handler"] == 6


def test_a_background_task_is_a_trace_of_its_own_and_no_latency():
    app = FastAPI()

    clock = FakeClock()

    async def later():
        clock.advance(2)

    @app.get("/")
    async def root(tasks: BackgroundTasks):
        tasks.add_task(later)
        return {}

    inprofile.instrument(app)
    with record() as recorded:
        timed_by(clock)
        asgi.asked(app, "/")
    request, background = recorded.traces
    assert (request.route, request.door) == ("/", "http")
    assert background.route.startswith("background:")
    assert background.link == request.identity != ""
    assert (request.wall_ns, background.wall_ns) == (0, 2)


def test_an_exception_comes_out_as_it_was_and_is_an_error():
    app = FastAPI()
    problem = RuntimeError("broken")

    @app.get("/")
    async def root():
        raise problem

    inprofile.instrument(app)
    with record() as recorded:
        sent = asgi.asked(app, "/")
    assert sent[-1] == repr(problem)
    assert (recorded.trace.status, recorded.trace.error) == (500, "500")


def test_an_app_that_never_answers_is_an_error():
    async def silent(scope, receive, send):
        pass

    with record() as recorded:
        asgi.asked(inprofile.instrument(silent), "/")
    assert recorded.trace.error == "IncompleteResponse"


def test_a_client_that_goes_away_is_told_apart():
    async def waits(scope, receive, send):
        while (await receive())["type"] != "http.disconnect":
            pass

    door = inprofile.instrument(waits)
    with record() as recorded:
        asgi.asked(door, "/", incoming=(asgi.REQUEST, {"type": "http.disconnect"}))
    assert recorded.trace.error == "ClientDisconnect"


@pytest.mark.parametrize(
    "header",
    ["1700000000.5", "1700000000500", "1700000000500000", "t=1700000000.5", " t=1700000000500 "],
)
def test_the_proxys_clock_is_read_in_any_unit(header):
    assert request_start_s(header.encode()) == 1_700_000_000.5


@pytest.mark.parametrize(
    "header", ["", "t=", "soon", "nan", "inf", "-inf", "1e999", "\xff", "0x10"]
)
def test_nonsense_from_the_proxy_is_no_wait(header):
    door = inprofile.instrument(small())
    with record() as recorded:
        asgi.asked(door, "/", headers=[(b"x-request-start", header.encode("latin-1"))])
    assert "queue" not in recorded.trace.stages


def test_the_wait_in_the_proxy_is_a_stage_before_the_app():
    import time

    door = inprofile.instrument(small())
    header = f"t={time.time() - 0.25:.6f}".encode()
    with record() as recorded:
        asgi.asked(door, "/", headers=[(b"x-request-start", header)])
    trace = recorded.trace
    assert 250_000_000 <= trace.stages["queue"] < 2_000_000_000
    assert sum(trace.stages.values()) == trace.wall_ns


def test_a_websocket_is_one_trace_that_counts_its_messages():
    app = FastAPI()

    @app.websocket("/ws/{room}")
    async def ws(socket: WebSocket, room: str):
        await socket.accept()
        for _ in range(3):
            await socket.send_text(await socket.receive_text())
        await socket.close()

    inprofile.instrument(app)
    text = {"type": "websocket.receive", "text": "hi"}
    scope = asgi.scope("/ws/kitchen", type="websocket", scheme="ws", subprotocols=[])
    with record() as recorded:
        asgi.exchange_now(app, scope, ({"type": "websocket.connect"}, text, text, text))
    trace = recorded.trace
    assert (trace.door, trace.route, trace.messages, trace.error) == (
        "websocket",
        "/ws/{room}",
        [3, 3],
        None,
    )


def test_switched_off_nothing_is_recorded():
    app = small()
    inprofile.instrument(app)
    ours = recorder()
    assert ours is not None
    with record() as recorded:
        ours.enabled = False
        asgi.asked(app, "/")
        ours.enabled = True
    assert recorded.traces == []


def test_nothing_stays_current_after_a_request():
    app = small()
    inprofile.instrument(app)

    async def ask():
        await asgi.exchange(app, asgi.scope("/"))
        return current.get()

    assert asyncio.run(ask()) is None


def test_gathered_requests_keep_apart():
    app = FastAPI()

    @app.get("/{number}")
    async def numbered(number: int):
        with inprofile.span(f"part {number}", kind="validation"):
            await asyncio.sleep(0.001 * number)
        return JSONResponse(number)

    inprofile.instrument(app)

    async def all_at_once():
        await asyncio.gather(*(asgi.exchange(app, asgi.scope(f"/{n}")) for n in range(8)))

    with record() as recorded:
        asyncio.run(all_at_once())
    names = [
        [span.name for span in trace.spans if span.kind == "validation"]
        for trace in recorded.traces
    ]
    assert sorted(names) == [[f"part {n}", "parameters"][::-1] for n in range(8)]
