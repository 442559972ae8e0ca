"""FastAPI: dependencies by name, validation, endpoints and the parts of serialization."""

import asyncio
import time
from collections import Counter
from functools import partial
from typing import Annotated, Any

import pytest
from fastapi import (
    APIRouter,
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
    Response,
    Security,
    UploadFile,
    WebSocket,
)
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from fastapi.security import HTTPBasic, OAuth2PasswordBearer, SecurityScopes
from pydantic import BaseModel, field_validator

import inprofile
from inprofile.core.recorder import current
from inprofile.testing import record
from tests import asgi
from tests.integrations.spans import names, spans

JSON = ((b"content-type", b"application/json"),)
FORM = ((b"content-type", b"application/x-www-form-urlencoded"),)
MULTIPART = ((b"content-type", b"multipart/form-data; boundary=b"),)
FILE = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nabc\r\n--b--\r\n'
)
SOLVING = ("dependencies", "(solving)", "http", 1)


def asked(app, path="/", method="GET", *, body=b"", headers=(), query=b""):
    """The traces of one request, its status and its body."""
    inprofile.instrument(app)
    incoming = ({"type": "http.request", "body": body, "more_body": False},)
    with record() as recorded:
        sent = asgi.asked(app, path, method, incoming, headers, query_string=query)
    for trace in recorded.traces:
        assert sum(trace.stages.values()) == trace.wall_ns
    content = b"".join(message.get("body", b"") for message in sent if isinstance(message, dict))
    return recorded.traces, recorded.traces[0].status, content


def trace_of(app, path="/", method="GET", **more):
    (trace,), _, _ = asked(app, path, method, **more)
    return trace


def app_of(endpoint, method="GET", **options):
    """An application with one route; the response class is one whose rendering all versions do."""
    app = FastAPI(default_response_class=JSONResponse)
    app.api_route("/", methods=[method], **options)(endpoint)
    return app


def spent(trace):
    """The exclusive time of each name, summed."""
    total = Counter[str]()
    for span in trace.spans:
        total[str(span.name)] += span.self_ns
    return total


# Dependencies


async def in_loop():
    await asyncio.sleep(0.003)
    return "in_loop"


def in_thread():
    time.sleep(0.003)
    return "in_thread"


class Page:
    def __init__(self, number: int = 1):
        self.number = number


class Limit:
    async def __call__(self):
        return 10


class Service:
    async def method(self):
        return "method"

    @classmethod
    async def from_class(cls):
        return "from_class"


async def generating():
    yield "generating"


def generating_in_thread():
    yield "generating_in_thread"


async def inner():
    await asyncio.sleep(0.004)
    return 1


async def middle(one: Annotated[int, Depends(inner)]):
    await asyncio.sleep(0.002)
    return one + 1


async def outer(two: Annotated[int, Depends(middle)], again: Annotated[int, Depends(inner)]):
    return two + again


async def of_app():
    pass


async def of_router():
    pass


async def of_route():
    pass


@pytest.mark.parametrize(
    ("dependency", "name"),
    [
        (in_loop, "in_loop"),
        (in_thread, "in_thread"),
        (Page, "Page"),
        (Limit(), "Limit"),
        (Service().method, "Service.method"),
        (Service.from_class, "Service.from_class"),
        (generating, "generating"),
        (generating_in_thread, "generating_in_thread"),
        (HTTPBasic(auto_error=False), "HTTPBasic"),
    ],
)
def test_a_dependency_is_called_by_its_name(dependency, name):
    async def root(value: Annotated[Any, Depends(dependency)]):
        return "ok"

    trace = trace_of(app_of(root))
    assert spans(trace, "dependencies") == [SOLVING, ("dependencies", name, "(solving)", 1)]


def test_a_partial_is_called_by_the_name_of_its_function():
    async def root(value: Annotated[Any, Depends(partial(in_thread))]):
        return value

    assert names(trace_of(app_of(root)), "dependencies") == ["(solving)", "in_thread"]


def test_dependencies_of_dependencies_come_first_and_each_once():
    async def root(three: Annotated[int, Depends(outer)], one: Annotated[int, Depends(inner)]):
        return three

    trace = trace_of(app_of(root))
    assert spans(trace, "dependencies") == [
        SOLVING,
        ("dependencies", "inner", "(solving)", 1),
        ("dependencies", "middle", "(solving)", 1),
        ("dependencies", "outer", "(solving)", 1),
    ]
    assert spent(trace)["inner"] >= 4_000_000
    assert spent(trace)["middle"] >= 2_000_000


def test_a_dependency_that_is_not_cached_is_there_as_often_as_it_runs():
    async def root(
        a: Annotated[int, Depends(inner)],
        b: Annotated[int, Depends(inner)],
        c: Annotated[int, Depends(inner, use_cache=False)],
        d: Annotated[int, Depends(inner, use_cache=False)],
    ):
        return a + b + c + d

    trace = trace_of(app_of(root))
    assert names(trace, "dependencies") == ["(solving)", "inner", "inner", "inner"]
    assert spent(trace)["inner"] >= 12_000_000


def test_dependencies_of_app_router_and_route_come_in_that_order():
    async def root(value: Annotated[str, Depends(in_loop)]):
        return value

    app = FastAPI(dependencies=[Depends(of_app)])
    router = APIRouter(prefix="/router", dependencies=[Depends(of_router)])
    router.get("/", dependencies=[Depends(of_route)])(root)
    app.include_router(router)
    trace = trace_of(app, "/router/")
    assert trace.route == "/router/"
    assert names(trace, "dependencies") == [
        "(solving)",
        "of_app",
        "of_router",
        "of_route",
        "in_loop",
    ]


def test_a_dependency_under_two_endpoints_has_one_name_and_each_its_own_time():
    async def first(value: Annotated[int, Depends(inner)]):
        return value

    async def second(
        other: Annotated[str, Depends(in_loop)], value: Annotated[int, Depends(inner)]
    ):
        return value

    app = FastAPI()
    app.get("/first")(first)
    app.get("/second")(second)
    seen = {path: names(trace_of(app, path), "dependencies") for path in ("/first", "/second")}
    assert seen == {
        "/first": ["(solving)", "inner"],
        "/second": ["(solving)", "in_loop", "inner"],
    }


def test_an_override_is_called_by_its_own_name():
    async def root(value: Annotated[str, Depends(in_loop)]):
        return value

    app = app_of(root)
    app.dependency_overrides[in_loop] = in_thread
    assert names(trace_of(app), "dependencies") == ["(solving)", "in_thread"]


def test_an_override_that_is_cached_is_there_once():
    async def root(a: Annotated[str, Depends(in_loop)], b: Annotated[str, Depends(in_loop)]):
        return a + b

    app = app_of(root)
    app.dependency_overrides[in_loop] = in_thread
    assert names(trace_of(app), "dependencies") == ["(solving)", "in_thread"]


token = OAuth2PasswordBearer(tokenUrl="token")


async def user(scopes: SecurityScopes, secret: Annotated[str, Depends(token)]):
    await asyncio.sleep(0.004)
    return scopes.scope_str


def test_security_is_a_dependency():
    async def root(scope: Annotated[str, Security(user, scopes=["me"])]):
        return scope

    app = app_of(root)
    traces, status, content = asked(app, headers=((b"authorization", b"Bearer x"),))
    assert (status, content) == (200, b'"me"')
    assert names(traces[0], "dependencies") == ["(solving)", "OAuth2PasswordBearer", "user"]
    traces, status, _ = asked(app)
    assert (status, names(traces[0], "dependencies")) == (
        401,
        ["(solving)", "OAuth2PasswordBearer"],
    )


def test_a_dependency_that_runs_for_each_of_its_scopes_is_there_as_often():
    async def root(
        me: Annotated[str, Security(user, scopes=["me"])],
        items: Annotated[str, Security(user, scopes=["items"])],
    ):
        return [me, items]

    traces, _, content = asked(app_of(root), headers=((b"authorization", b"Bearer x"),))
    assert content == b'["me","items"]'
    assert names(traces[0], "dependencies").count("user") == 2
    assert spent(traces[0])["user"] >= 8_000_000


async def refuses(number: int = 0):
    raise HTTPException(403)


def fails_in_thread():
    raise RuntimeError("in a dependency")


@pytest.mark.parametrize(("dependency", "status"), [(refuses, 403), (fails_in_thread, 500)])
def test_a_dependency_that_raises_ends_the_solving(dependency, status):
    async def root(
        first: Annotated[str, Depends(in_loop)], value: Annotated[Any, Depends(dependency)]
    ):
        return value

    trace = trace_of(app_of(root))
    assert (trace.status, names(trace, "dependencies", "handler")) == (
        status,
        ["(solving)", "in_loop", dependency.__name__],
    )


def test_a_dependency_that_raises_says_what():
    async def root(value: Annotated[str, Depends(fails_in_thread)]):
        return value

    trace = trace_of(app_of(root))
    errors = {str(span.name): span.error for span in trace.spans if span.error}
    assert errors == {"(solving)": "RuntimeError", "fails_in_thread": "RuntimeError"}


async def wants_number(number: int):
    return number


def test_a_dependency_whose_parameters_are_wrong_never_runs():
    async def root(
        number: Annotated[int, Depends(wants_number)], value: Annotated[str, Depends(in_loop)]
    ):
        return number

    app = app_of(root)
    right, wrong = trace_of(app, query=b"number=4"), trace_of(app, query=b"number=four")
    assert (right.status, names(right, "dependencies", "validation", "handler")) == (
        200,
        ["(solving)", "parameters", "wants_number", "in_loop", root.__qualname__],
    )
    assert (wrong.status, names(wrong, "dependencies", "validation", "handler")) == (
        422,
        ["(solving)", "parameters", "in_loop"],
    )


def test_a_dependency_in_a_thread_waits_for_the_thread_and_works_in_it():
    async def root(value: Annotated[str, Depends(in_thread)]):
        return value

    trace = trace_of(app_of(root))
    assert spans(trace, "dependencies", "threadpool_wait") == [
        SOLVING,
        ("dependencies", "in_thread", "(solving)", 1),
        ("threadpool_wait", "worker", "in_thread", 1),
    ]
    assert spent(trace)["in_thread"] >= 3_000_000


def test_what_a_dependency_calls_is_below_it():
    async def calls():
        with inprofile.span("part", kind="cache"):
            await asyncio.sleep(0.001)

    async def root(value: Annotated[None, Depends(calls)]):
        return "ok"

    assert spans(trace_of(app_of(root)), "cache") == [("cache", "part", calls.__qualname__, 1)]


def test_what_a_dependency_does_after_its_yield_is_no_dependency_time():
    after = []

    async def session():
        try:
            yield 1
        finally:
            span = current.get()
            after.append(span.kind if span is not None else None)

    async def root(value: Annotated[int, Depends(session)]):
        await asyncio.sleep(0.001)
        return value

    trace = trace_of(app_of(root))
    assert names(trace, "dependencies", "handler") == [
        "(solving)",
        session.__qualname__,
        root.__qualname__,
    ]
    assert len(after) == 1
    assert "dependencies" not in after


# Validation


class Order(BaseModel):
    name: str
    price: float

    @field_validator("name")
    @classmethod
    def is_slow(cls, value):
        time.sleep(0.004)
        return value


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


async def takes_order(order: Order):
    return [order.name]


async def takes_form(a: Annotated[int, Form()], b: Annotated[str, Form()] = ""):
    return a


async def takes_file(file: Annotated[bytes, File()]):
    return len(file)


async def takes_upload(file: UploadFile):
    return (await file.read()).decode()


async def takes_parts(one: Annotated[int, Body()], two: Annotated[int, Body()]):
    return one + two


ORDER = b'{"name": "tea", "price": 2.5}'


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


# Serialization


class Item(BaseModel):
    name: str
    secret: str = "hidden"


async def gives_dict():
    return {"name": "tea"}


async def gives_item():
    return Item(name="tea")


def gives_item_in_thread():
    return Item(name="tea")


async def gives_wrong():
    return {"nothing": 1}


async def gives_response():
    return JSONResponse({"a": 1})


async def gives_text():
    return PlainTextResponse("text")


async def gives_none():
    return Response(status_code=204)


FIELD = ("serialization", "serialize_response", "http", 1)
RENDER = ("serialization", "render JSONResponse", "http", 1)


def in_field(verb):
    return ("serialization", verb, "serialize_response", 1)


@pytest.mark.parametrize(
    ("endpoint", "model", "seen"),
    [
        (gives_dict, None, [FIELD, RENDER]),
        (gives_dict, Item, [FIELD, in_field("validate Item"), in_field("dump Item"), RENDER]),
        (gives_item, Item, [FIELD, in_field("validate Item"), in_field("dump Item"), RENDER]),
        (
            gives_item_in_thread,
            Item,
            [FIELD, in_field("validate Item"), in_field("dump Item"), RENDER],
        ),
        (gives_response, None, [("serialization", "render JSONResponse", "gives_response", 1)]),
        (gives_response, Item, [("serialization", "render JSONResponse", "gives_response", 1)]),
        (gives_text, None, []),
        (gives_none, None, []),
    ],
)
def test_serialization_is_validating_dumping_and_rendering(endpoint, model, seen):
    trace = trace_of(app_of(endpoint, response_model=model))
    assert spans(trace, "serialization") == seen


def test_serialization_without_a_response_class_has_the_same_parts_up_to_the_rendering():
    app = FastAPI()
    app.get("/", response_model=list[Item])(lambda: [Item(name="tea")])
    traces, _, content = asked(app)
    assert content == b'[{"name":"tea","secret":"hidden"}]'
    annotation = str(list[Item])
    assert spans(traces[0], "serialization")[:3] == [
        FIELD,
        in_field(f"validate {annotation}"),
        in_field(f"dump {annotation}"),
    ]


def test_what_a_model_leaves_out_is_left_out():
    app = app_of(gives_item, response_model=Item, response_model_exclude={"secret"})
    _, _, content = asked(app)
    assert content == b'{"name":"tea"}'


def test_a_response_that_is_not_valid_says_so():
    trace = trace_of(app_of(gives_wrong, response_model=Item))
    errors = {str(span.name): span.error for span in trace.spans if span.error}
    assert (trace.status, errors) == (500, {"serialize_response": "ResponseValidationError"})


def test_validating_a_request_is_not_serialization():
    trace = trace_of(app_of(takes_order, "POST"), "/", "POST", body=ORDER, headers=JSON)
    assert names(trace, "serialization") == ["serialize_response", "render JSONResponse"]


def test_making_the_parts_of_a_stream_is_the_handlers_time():
    async def parts():
        for _ in range(3):
            await asyncio.sleep(0.004)
            yield b"x"

    async def streams():
        return StreamingResponse(parts())

    traces, _, content = asked(app_of(streams))
    assert content == b"xxx"
    assert spans(traces[0], "handler", "serialization") == [
        ("handler", streams.__qualname__, "http", 1),
        ("handler", "stream", "http", 1),
    ]
    assert spent(traces[0])["stream"] >= 12_000_000


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
