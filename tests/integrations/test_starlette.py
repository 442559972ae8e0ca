"""Starlette: who spends a request's time, by name: routing, endpoints, parsing, rendering."""

import asyncio
import time
from functools import partial

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask, BackgroundTasks
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

import inprofile
from inprofile.testing import record
from tests import asgi
from tests.integrations.spans import names, spans
from tests.integrations.starlette_parts import Based, Pure, numbers, one, text
from tests.integrations.traced import FILE, FORM, MULTIPART, asked, trace_of

# Endpoints and routing


class Home(HTTPEndpoint):
    async def get(self, request):
        return PlainTextResponse("async")

    def post(self, request):
        return PlainTextResponse("in a thread")


class Service:
    async def answer(self, request):
        return PlainTextResponse("method")


class Bare:
    async def __call__(self, scope, receive, send):
        await PlainTextResponse("bare")(scope, receive, send)


def in_a_thread(request):
    return PlainTextResponse("in a thread")


def test_an_endpoint_is_called_by_its_name():
    app = Starlette(
        routes=[
            Route("/text", text),
            Route("/thread", in_a_thread),
            Route("/home", Home),
            Route("/method", Service().answer),
            Route("/bare", Bare()),
            Mount("/mounted", Bare()),
        ]
    )
    asks = ["text", "thread", "home", "method", "bare", "mounted/x"]
    seen = [spans(trace_of(app, f"/{path}"), "handler") for path in asks]
    seen.append(spans(trace_of(app, "/home", "POST"), "handler"))
    assert [name for ((_, name, _, _),) in seen] == [
        "text",
        "in_a_thread",
        "Home",
        "Service.answer",
        "Bare",
        "Bare",
        "Home",
    ]


def test_a_partial_is_called_by_the_name_of_its_function():
    async def of(number, request):
        return PlainTextResponse(str(number))

    (span,) = spans(trace_of(one(partial(of, 5)), "/"), "handler")
    assert span[1].endswith("of")


def test_an_endpoint_in_a_thread_waits_for_the_thread_and_works_in_it():
    def works(request):
        time.sleep(0.01)
        return JSONResponse(1)

    trace = trace_of(one(works), "/")
    name = works.__qualname__
    assert spans(trace) == [
        ("handler", name, "http", 1),
        ("threadpool_wait", "worker", name, 1),
        ("serialization", "render JSONResponse", name, 1),
    ]
    assert trace.stages["handler"] > 10_000_000


def test_an_endpoint_that_fails_says_with_what():
    async def crash(request):
        raise RuntimeError("crash")

    async def refuses(request):
        raise HTTPException(403)

    def broken(request):
        raise ValueError("in a thread")

    app = Starlette(routes=[Route("/1", crash), Route("/2", refuses), Route("/3", broken)])
    seen = []
    for path in ("/1", "/2", "/3"):
        trace = trace_of(app, path)
        (error,) = [span.error for span in trace.spans if span.kind == "handler"]
        seen.append((error, trace.status, trace.error))
    assert seen == [
        ("RuntimeError", 500, "500"),
        (None, 403, None),
        ("ValueError", 500, "500"),
    ]


def test_the_time_to_find_a_route_is_routing():
    class Slow(Route):
        def matches(self, scope):
            time.sleep(0.005)
            return super().matches(scope)

    app = Starlette(routes=[Slow("/other", text), Slow("/", text)])
    found, nothing = trace_of(app, "/"), trace_of(app, "/nothing")
    for trace in (found, nothing):
        assert trace.stages["routing"] > 10_000_000
    assert (found.route, nothing.route) == ("/", "_UNMATCHED")


def test_static_files_are_the_time_of_what_serves_them(tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    app = Starlette(routes=[Mount("/static", StaticFiles(directory=tmp_path))])
    traces, status, content = asked(app, "/static/a.txt")
    assert (traces[0].route, status, content) == ("/static/{path}", 200, b"hello")
    assert spans(traces[0], "handler") == [("handler", "StaticFiles", "http", 1)]


def test_a_mounted_application_is_told_apart_like_its_own():
    sub = Starlette(routes=[Route("/{name}", numbers)], middleware=[Middleware(Pure)])
    app = Starlette(routes=[Mount("/sub/{tenant}", sub)])
    trace = trace_of(app, "/sub/acme/x")
    assert trace.route == "/sub/{tenant}/{name}"
    assert names(trace, "handler", "serialization") == ["numbers", "render JSONResponse"]


# Requests


async def reads_json(request):
    return JSONResponse(await request.json())


async def reads_form(request):
    async with request.form() as form:
        return PlainTextResponse(",".join(form))


async def reads_bytes(request):
    return Response(await request.body())


@pytest.mark.parametrize(
    ("endpoint", "body", "headers", "content", "validation"),
    [
        (reads_json, b"[1]", (), b"[1]", ["parse JSON body"]),
        (reads_form, b"a=1&b=2", FORM, b"a,b", ["parse form body"]),
        (reads_form, FILE, MULTIPART, b"file", ["parse form body"]),
        (reads_bytes, b"x", (), b"x", []),
    ],
)
def test_parsing_a_body_is_validation(endpoint, body, headers, content, validation):
    app = Starlette(routes=[Route("/", endpoint, methods=["POST"])])
    traces, status, answer = asked(app, "/", "POST", body=body, headers=headers)
    assert (status, answer, names(traces[0], "validation")) == (200, content, validation)


def test_a_body_that_cannot_be_parsed_says_why():
    app = Starlette(routes=[Route("/", reads_json, methods=["POST"])])
    trace = trace_of(app, "/", "POST", body=b"{")
    errors = [(str(span.name), span.error) for span in trace.spans if span.kind == "validation"]
    assert errors == [("parse JSON body", "JSONDecodeError")]


def test_waiting_for_a_body_is_no_parsing():
    async def ask():
        app = Starlette(routes=[Route("/", reads_json, methods=["POST"])])
        inprofile.instrument(app)
        messages = iter([b"[1,", b"2]"])

        async def receive():
            await asyncio.sleep(0.01)
            body = next(messages)
            return {"type": "http.request", "body": body, "more_body": body == b"[1,"}

        async def send(message):
            pass

        await app(asgi.scope("/", "POST"), receive, send)

    with record() as recorded:
        asyncio.run(ask())
    stages = recorded.trace.stages
    assert (stages["receive"] > 20_000_000, "validation" in stages) == (True, True)


# Responses


class Upper(Response):
    media_type = "text/plain"

    def render(self, content):
        time.sleep(0.005)
        return ",".join(content).upper().encode()


@pytest.mark.parametrize(
    ("response", "rendering"),
    [
        (lambda: JSONResponse({"a": 1}), ["render JSONResponse"]),
        (lambda: JSONResponse("text"), ["render JSONResponse"]),
        (lambda: JSONResponse(None), ["render JSONResponse"]),
        (lambda: Upper(["a", "b"]), ["render Upper"]),
        (lambda: PlainTextResponse("text"), []),
        (lambda: HTMLResponse(b"<p>"), []),
        (Response, []),
        (lambda: RedirectResponse("/there"), []),
    ],
)
def test_rendering_what_is_no_text_yet_is_serialization(response, rendering):
    async def endpoint(request):
        return response()

    trace = trace_of(one(endpoint), "/")
    assert names(trace, "serialization") == rendering


def test_the_time_of_a_users_own_rendering_is_serialization():
    async def endpoint(request):
        return Upper(["a"])

    trace = trace_of(one(endpoint), "/")
    assert trace.stages["serialization"] > 5_000_000


def test_a_template_is_called_by_its_name_with_what_it_includes(tmp_path):
    (tmp_path / "page.html").write_text("<p>{% include 'part.html' %}</p>")
    (tmp_path / "part.html").write_text("{{ value }}")
    templates = Jinja2Templates(directory=tmp_path)

    async def page(request):
        return templates.TemplateResponse(request, "page.html", {"value": "<1>"})

    traces, _, content = asked(one(page), "/")
    assert content == b"<p>&lt;1&gt;</p>"
    name = page.__qualname__
    assert spans(traces[0]) == [
        ("handler", name, "http", 1),
        ("template", "page.html", name, 1),
    ]


def test_making_the_parts_of_a_stream_is_the_handlers_time():
    async def parts():
        for _ in range(3):
            await asyncio.sleep(0.005)
            yield b"x"

    async def streams(request):
        return StreamingResponse(parts())

    trace = trace_of(one(streams), "/")
    name = streams.__qualname__
    assert spans(trace) == [("handler", name, "http", 1), ("handler", "stream", name, 1)]
    (stream,) = [span for span in trace.spans if span.name == "stream"]
    assert stream.self_ns > 15_000_000


# After the response, and without one


def test_each_background_task_is_a_trace_that_links_to_its_request():
    ran = []

    async def later(what):
        ran.append(what)

    def in_thread(what):
        ran.append(what)

    async def root(request):
        tasks = BackgroundTasks()
        tasks.add_task(later, "first")
        tasks.add_task(in_thread, what="second")
        return PlainTextResponse("ok", background=tasks)

    async def single(request):
        return PlainTextResponse("ok", background=BackgroundTask(later, "third"))

    app = Starlette(routes=[Route("/", root), Route("/single", single)])
    (request, *background), _, _ = asked(app, "/")
    (other, alone), _, _ = asked(app, "/single")
    assert ran == ["first", "second", "third"]
    assert [(trace.door, trace.route) for trace in (*background, alone)] == [
        ("background", f"background:{later.__qualname__}"),
        ("background", f"background:{in_thread.__qualname__}"),
        ("background", f"background:{later.__qualname__}"),
    ]
    assert [trace.link for trace in background] == [request.identity] * 2
    assert alone.link == other.identity != request.identity


def test_a_background_task_that_fails_says_so():
    async def fails():
        raise KeyError("late")

    async def root(request):
        return PlainTextResponse("ok", background=BackgroundTask(fails))

    (request, background), _, _ = asked(one(root), "/")
    assert (request.status, request.error, background.error) == (200, None, "KeyError")


class Echo(WebSocketEndpoint):
    encoding = "text"

    async def on_receive(self, websocket, data):
        await websocket.send_text(data)


async def greets(websocket):
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()


@pytest.mark.parametrize(
    ("path", "name", "messages"), [("/1", "Echo", [1, 1]), ("/2", "greets", [0, 1])]
)
def test_a_websockets_endpoint_is_called_by_its_name(path, name, messages):
    app = Starlette(routes=[WebSocketRoute("/1", Echo), WebSocketRoute("/2", greets)])
    inprofile.instrument(app)
    scope = asgi.scope(path, type="websocket", scheme="ws", subprotocols=[])
    incoming = (
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": "hi"},
        {"type": "websocket.disconnect", "code": 1000},
    )
    with record() as recorded:
        asgi.exchange_now(app, scope, incoming)
    trace = recorded.trace
    assert (trace.messages, spans(trace)) == (messages, [("handler", name, "websocket", 1)])


def test_requests_at_once_keep_apart():
    async def waits(request):
        await asyncio.sleep(0.001 * int(request.path_params["number"]))
        with inprofile.span(f"part {request.path_params['number']}", kind="cache"):
            return JSONResponse([])

    app = Starlette(
        routes=[Route("/{number}", waits)], middleware=[Middleware(Based), Middleware(Pure)]
    )
    inprofile.instrument(app)

    async def all_at_once():
        await asyncio.gather(*(asgi.exchange(app, asgi.scope(f"/{n}")) for n in range(20)))

    with record() as recorded:
        asyncio.run(all_at_once())
    seen = sorted(
        (names(trace, "cache"), names(trace, "middleware", "serialization"))
        for trace in recorded.traces
    )
    assert seen == sorted(
        ([f"part {number}"], ["Based", "Pure", "render JSONResponse"]) for number in range(20)
    )
    for trace in recorded.traces:
        assert sum(trace.stages.values()) == trace.wall_ns
        assert {span.trace for span in trace.spans} == {trace}
