"""FastAPI: validation, endpoints by name, and all parts of a request, a task and a websocket."""

import asyncio
import time
from collections import Counter
from typing import Annotated

import pytest
from fastapi import (
    BackgroundTasks,
    Body,
    Cookie,
    Depends,
    FastAPI,
    File,
    Form,
    Header,
    HTTPException,
    Path,
    Query,
    UploadFile,
    WebSocket,
)
from fastapi.responses import JSONResponse

import inprofile
from inprofile.testing import record
from tests import asgi
from tests.integrations.fastapi_parts import (
    FIELD,
    ORDER,
    RENDER,
    SOLVING,
    Item,
    Order,
    Page,
    Service,
    app_of,
    in_field,
    in_loop,
    in_thread,
    takes_order,
)
from tests.integrations.spans import names, spans
from tests.integrations.traced import FILE, FORM, JSON, MULTIPART, asked, spent, trace_of

# Validation


async def takes_everything(
    path: Annotated[int, Path()],
    query: Annotated[int, Query()] = 1,
    header: Annotated[str, Header()] = "h",
    cookie: Annotated[str, Cookie()] = "c",
):
    return [path, query, header, cookie]


def test_parsing_parameters_is_validation():
    app = FastAPI()
    app.get("/{path}")(takes_everything)
    traces, status, content = asked(app, "/7", query=b"query=2")
    assert (status, content) == (200, b'[7,2,"h","c"]')
    assert spans(traces[0], "dependencies", "validation", "handler") == [
        ("validation", "parameters", "http", 1),
        ("handler", "takes_everything", "http", 1),
    ]
    traces, status, _ = asked(app, "/seven")
    assert (status, spans(traces[0], "validation", "handler")) == (
        422,
        [("validation", "parameters", "http", 1)],
    )


async def takes_form(a: Annotated[int, Form()], b: Annotated[str, Form()] = ""):
    return a


async def takes_file(file: Annotated[bytes, File()]):
    return len(file)


async def takes_upload(file: UploadFile):
    return (await file.read()).decode()


async def takes_parts(one: Annotated[int, Body()], two: Annotated[int, Body()]):
    return one + two


@pytest.mark.parametrize(
    ("endpoint", "body", "headers", "status", "seen"),
    [
        (takes_order, ORDER, JSON, 200, ["parse JSON body", "parameters", "takes_order"]),
        (takes_order, b'{"name": 1}', JSON, 422, ["parse JSON body", "parameters"]),
        (takes_order, b'{"name', JSON, 422, ["parse JSON body"]),
        (
            takes_parts,
            b'{"one":1,"two":2}',
            JSON,
            200,
            ["parse JSON body", "parameters", "takes_parts"],
        ),
        (takes_form, b"a=1", FORM, 200, ["parse form body", "parameters", "takes_form"]),
        (takes_form, b"a=one", FORM, 422, ["parse form body", "parameters"]),
        (takes_file, FILE, MULTIPART, 200, ["parse form body", "parameters", "takes_file"]),
        (takes_upload, FILE, MULTIPART, 200, ["parse form body", "parameters", "takes_upload"]),
    ],
)
def test_parsing_a_body_is_validation(endpoint, body, headers, status, seen):
    trace = trace_of(app_of(endpoint, "POST"), "/", "POST", body=body, headers=headers)
    assert (trace.status, names(trace, "validation", "handler")) == (status, seen)
    assert {parent for _, _, parent, _ in spans(trace, "validation", "handler")} == {"http"}


def test_a_models_own_validators_are_validation():
    trace = trace_of(app_of(takes_order, "POST"), "/", "POST", body=ORDER, headers=JSON)
    assert spent(trace)["parameters"] >= 4_000_000
    assert trace.stages["validation"] >= 4_000_000


def test_validation_between_dependencies_is_told_apart():
    async def root(
        page: Annotated[Page, Depends()],
        value: Annotated[str, Depends(in_loop)],
        limit: int = 5,
    ):
        return limit

    trace = trace_of(app_of(root), query=b"number=3&limit=4")
    assert names(trace, "dependencies", "validation", "handler") == [
        "(solving)",
        "parameters",
        "Page",
        "in_loop",
        "parameters",
        root.__qualname__,
    ]


# Endpoints


async def works_in_loop():
    await asyncio.sleep(0.005)
    return {"a": 1}


def works_in_thread():
    time.sleep(0.005)
    return {"a": 1}


class Callable:
    def __call__(self):
        return {"a": 1}


def test_an_endpoint_is_called_by_its_name():
    seen = [
        names(trace_of(app_of(endpoint)), "handler")
        for endpoint in (works_in_loop, works_in_thread, Service().method)
    ]
    assert seen == [["works_in_loop"], ["works_in_thread"], ["Service.method"]]


def test_an_endpoint_that_is_an_object_is_called_by_its_type():
    assert names(trace_of(app_of(Callable())), "handler") == ["Callable"]


def test_an_endpoint_in_a_thread_waits_for_the_thread_and_works_in_it():
    trace = trace_of(app_of(works_in_thread))
    assert spans(trace, "handler", "threadpool_wait") == [
        ("handler", "works_in_thread", "http", 1),
        ("threadpool_wait", "worker", "works_in_thread", 1),
    ]
    assert spent(trace)["works_in_thread"] >= 5_000_000


def test_an_endpoint_that_raises_says_what():
    async def refuses():
        raise HTTPException(418)

    def fails():
        raise ValueError("in a thread")

    seen = []
    for endpoint in (refuses, fails):
        trace = trace_of(app_of(endpoint))
        (handler,) = [span for span in trace.spans if span.kind == "handler"]
        seen.append((handler.error, trace.status))
    assert seen == [("HTTPException", 418), ("ValueError", 500)]


# All together


def test_the_parts_of_a_request_come_in_order_and_add_up():
    async def root(order: Order, value: Annotated[str, Depends(in_thread)], limit: int = 5):
        return Item(name=order.name)

    app = app_of(root, "POST", response_model=Item)
    trace = trace_of(app, "/", "POST", body=ORDER, headers=JSON)
    assert spans(trace) == [
        ("validation", "parse JSON body", "http", 1),
        SOLVING,
        ("dependencies", "in_thread", "(solving)", 1),
        ("threadpool_wait", "worker", "in_thread", 1),
        ("validation", "parameters", "(solving)", 1),
        ("handler", root.__qualname__, "http", 1),
        FIELD,
        in_field("validate Item"),
        in_field("dump Item"),
        RENDER,
    ]
    by_kind = Counter[str]()
    for span in trace.spans:
        by_kind[span.kind] += span.self_ns
    without_spans = {kind for kind, ns in trace.stages.items() if ns != by_kind[kind]}
    assert without_spans <= {"routing", "receive", "send"}


def test_requests_at_once_keep_apart():
    async def numbered(number: int):
        with inprofile.span(f"dependency {number}", kind="cache"):
            await asyncio.sleep(0.001 * (number % 5))
        return number

    def threaded(number: int):
        with inprofile.span(f"thread {number}", kind="cache"):
            time.sleep(0.001)

    async def root(
        number: int, value: Annotated[int, Depends(numbered)], _: Annotated[None, Depends(threaded)]
    ):
        with inprofile.span(f"endpoint {number}", kind="cache"):
            await asyncio.sleep(0.001 * (number % 3))
        return value

    app = FastAPI(default_response_class=JSONResponse)
    app.get("/{number}")(root)
    inprofile.instrument(app)

    async def all_at_once():
        await asyncio.gather(*(asgi.exchange(app, asgi.scope(f"/{n}")) for n in range(20)))

    with record() as recorded:
        asyncio.run(all_at_once())
    seen = [spans(trace) for trace in recorded.traces]
    a, b, c = (part.__qualname__ for part in (numbered, threaded, root))
    for spans_of_one in seen:
        (number,) = {name.split()[-1] for kind, name, _, _ in spans_of_one if kind == "cache"}
        assert spans_of_one == [
            SOLVING,
            ("validation", "parameters", "(solving)", 1),
            ("dependencies", a, "(solving)", 1),
            ("cache", f"dependency {number}", a, 1),
            ("validation", "parameters", "(solving)", 1),
            ("dependencies", b, "(solving)", 1),
            ("threadpool_wait", "worker", b, 1),
            ("cache", f"thread {number}", b, 1),
            ("validation", "parameters", "(solving)", 1),
            ("handler", c, "http", 1),
            ("cache", f"endpoint {number}", c, 1),
            FIELD,
            RENDER,
        ]
    assert len(seen) == 20
    for trace in recorded.traces:
        assert sum(trace.stages.values()) == trace.wall_ns


def test_a_background_task_is_a_trace_that_links_to_its_request():
    ran = []

    def note(what):
        with inprofile.span("noting", kind="cache"):
            ran.append(what)

    async def root(tasks: BackgroundTasks, value: Annotated[str, Depends(in_loop)]):
        tasks.add_task(note, value)
        return value

    (request, background), _, _ = asked(app_of(root))
    assert ran == ["in_loop"]
    assert (background.door, background.route) == ("background", f"background:{note.__qualname__}")
    assert background.link == request.identity != ""
    assert (names(request, "cache"), names(background, "cache")) == ([], ["noting"])


async def greets(socket: WebSocket, number: int, value: Annotated[str, Depends(in_loop)]):
    await socket.accept()
    await asyncio.sleep(0.02)
    await socket.send_json([number, value])
    await socket.close()


def websocket_of(endpoint, path):
    app = FastAPI()
    app.websocket("/{number}")(endpoint)
    inprofile.instrument(app)
    scope = asgi.scope(path, type="websocket", scheme="ws", subprotocols=[])
    with record() as recorded:
        asgi.exchange_now(app, scope, ({"type": "websocket.connect"},))
    trace = recorded.trace
    assert sum(trace.stages.values()) == trace.wall_ns
    return trace


def test_a_websocket_solves_its_dependencies_once():
    trace = websocket_of(greets, "/7")
    assert (trace.route, trace.messages) == ("/{number}", [0, 1])
    assert spans(trace, "dependencies", "validation") == [
        ("dependencies", "(solving)", "websocket", 1),
        ("dependencies", "in_loop", "(solving)", 1),
        ("validation", "parameters", "(solving)", 1),
    ]


def test_a_websocket_whose_parameters_are_wrong_is_refused():
    trace = websocket_of(greets, "/seven")
    assert names(trace, "validation", "handler") == ["parameters"]


def test_a_websockets_endpoint_is_the_handler():
    trace = websocket_of(greets, "/7")
    assert names(trace, "handler") == ["greets"]
    assert trace.stages["handler"] >= 20_000_000
