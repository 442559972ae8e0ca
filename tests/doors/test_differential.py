"""Documented behaviours of Starlette and FastAPI: the same messages with and without the line."""

# ruff: noqa: B008, FAST002 - the documentation's older style, `= Depends(x)`, is what is tested

from contextlib import asynccontextmanager

import pytest
from fastapi import (
    BackgroundTasks,
    Depends,
    FastAPI,
    File,
    Form,
    Header,
    HTTPException,
    Response,
    UploadFile,
    WebSocket,
)
from fastapi.responses import PlainTextResponse, RedirectResponse
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

import inprofile
from tests import asgi

EXAMPLES: dict = {}


def example(*exchanges):
    """An application, and what is asked of it: scopes and incoming messages."""

    def declare(make):
        EXAMPLES[make.__name__] = make, exchanges
        return make

    return declare


def get(path, method="GET", headers=(), body=b"", **more):
    incoming = ({"type": "http.request", "body": body, "more_body": False},)
    return asgi.scope(path, method, headers, **more), incoming


def ws(path, *texts, **more):
    messages = [{"type": "websocket.receive", "text": text} for text in texts]
    end = {"type": "websocket.disconnect", "code": 1001}
    scope = asgi.scope(path, type="websocket", scheme="ws", subprotocols=[], **more)
    return scope, ({"type": "websocket.connect"}, *messages, end)


@example(get("/"), get("/sync"), get("/file"), get("/gone", "HEAD"))
def streaming():
    async def numbers():
        for number in range(5):
            yield f"{number},"

    async def stream(request):
        return StreamingResponse(numbers(), media_type="text/csv", headers={"x-a": "b"})

    def synchronous(request):
        return StreamingResponse(iter(["a", "b"]), status_code=206)

    async def file(request):
        return FileResponse(__file__, headers={"etag": "x", "last-modified": "y"})

    return Starlette(routes=[Route("/", stream), Route("/sync", synchronous), Route("/file", file)])


@example(get("/", "POST"), get("/many"), get("/fails"))
def background_tasks():
    log = []
    app = FastAPI()

    def note(what):
        log.append(what)

    @app.post("/")
    async def root(tasks: BackgroundTasks):
        tasks.add_task(note, "one")
        tasks.add_task(note, "two")
        return {"log": list(log)}

    @app.get("/many")
    def many():
        return JSONResponse({"log": list(log)}, background=BackgroundTask(note, "three"))

    @app.get("/fails")
    async def fails():
        def broken():
            raise ValueError("after the response")

        return JSONResponse({"log": list(log)}, background=BackgroundTask(broken))

    return app


@example(
    get("/teapot"), get("/mine"), get("/crash"), get("/none"), get("/items/x"), get("/started")
)
def exception_handlers():
    class Mine(Exception):
        pass

    app = FastAPI()

    @app.exception_handler(Mine)
    async def mine(request, error):
        return PlainTextResponse(f"mine {error}", status_code=418)

    @app.exception_handler(404)
    async def none(request, error):
        return JSONResponse({"nothing": request.url.path}, status_code=404)

    @app.get("/teapot")
    async def teapot():
        raise HTTPException(418, detail="short and stout", headers={"x-tea": "yes"})

    @app.get("/mine")
    def raises():
        raise Mine("error")

    @app.get("/crash")
    async def crash():
        raise RuntimeError("crash")

    @app.get("/items/{number}")
    async def item(number: int):
        return number

    @app.get("/started")
    async def started():
        async def breaks():
            yield b"half"
            raise RuntimeError("half way")

        return StreamingResponse(breaks())

    return app


@example(ws("/ws", "a", "b"), ws("/refused"), ws("/crash", "x"), ws("/none"), get("/left"))
def websockets():
    left = []

    async def echo(socket):
        await socket.accept(headers=[(b"x-a", b"b")])
        try:
            while True:
                await socket.send_text(f"echo {await socket.receive_text()}")
        except WebSocketDisconnect as gone:
            left.append(gone.code)

    async def refused(socket):
        await socket.close(code=4000)

    async def crash(socket):
        await socket.accept()
        await socket.receive_text()
        raise RuntimeError("crash")

    async def codes(request):
        return JSONResponse(left)

    return Starlette(
        routes=[
            WebSocketRoute("/ws", echo),
            WebSocketRoute("/refused", refused),
            WebSocketRoute("/crash", crash),
            Route("/left", codes),
        ]
    )


@example(ws("/ws/4?q=1", "a"), ws("/ws/x", "a"))
def websockets_with_dependencies():
    app = FastAPI()

    async def query(q: str = "none"):
        return q

    @app.websocket("/ws/{number}")
    async def ws(socket: WebSocket, number: int, q: str = Depends(query)):
        await socket.accept()
        await socket.send_json({"number": number, "q": q})
        await socket.close()

    return app


@example(
    get("/sub/hi"), get("/sub"), get("/sub/none"), get("/star/x/y"), get("/red/"), get("/slash/")
)
def sub_applications():
    app, sub = FastAPI(), FastAPI()

    @sub.get("/hi")
    async def hi():
        return {"message": "hi"}

    @app.get("/red")
    async def red():
        return RedirectResponse("/sub/hi", status_code=303)

    async def deep(request):
        return PlainTextResponse(str(request.path_params) + request.scope["root_path"])

    app.mount("/sub", sub)
    app.mount("/star", Starlette(routes=[Mount("/x", routes=[Route("/{y}", deep)])]))
    return app


class Settings:
    def __init__(self, size: int = 3):
        self.size = size


def refuse():
    raise HTTPException(401)


@example(get("/"), get("/fails"), get("/refused"), get("/nested"), get("/log"))
def dependencies_with_yield():
    log = []
    app = FastAPI()

    async def first():
        log.append("first in")
        try:
            yield "first"
        except ValueError:
            log.append("first saw it")
            raise
        finally:
            log.append("first out")

    def second(one: str = Depends(first)):
        log.append("second in")
        yield one + " second"
        log.append("second out")

    @app.get("/")
    async def root(both: str = Depends(second), again: str = Depends(first)):
        return [both, again]

    @app.get("/fails")
    async def fails(both: str = Depends(second)):
        raise ValueError("in the endpoint")

    @app.get("/refused", dependencies=[Depends(refuse)])
    async def refused():
        return "never"

    @app.get("/nested")
    def nested(settings: Settings = Depends(), both: str = Depends(second, use_cache=False)):
        return [settings.size, both]

    @app.get("/log")
    async def history():
        return list(log)

    return app


class Order(BaseModel):
    name: str
    price: float
    tags: list[str] = []


ORDER = b'{"name": "tea", "price": "2.5"}'
JSON = ((b"content-type", b"application/json"),)
FORM = ((b"content-type", b"application/x-www-form-urlencoded"),)
BOUNDARY = ((b"content-type", b"multipart/form-data; boundary=b"),)
FILE = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nabc\r\n--b--\r\n'
)


@example(
    get("/order", "POST", JSON, ORDER),
    get("/order", "POST", JSON, b'{"name": 1}'),
    get("/order", "POST", JSON, b"{nonsense"),
    get("/form", "POST", FORM, b"a=1&b=x"),
    get("/file", "POST", BOUNDARY, FILE),
    get("/list"),
    get("/invalid"),
    get("/header", headers=((b"x-token", b"t"),)),
    get("/cookie", headers=((b"cookie", b"a=b"),)),
)
def bodies_and_models():
    app = FastAPI()

    @app.post("/order", status_code=201, response_model=Order, response_model_exclude_unset=True)
    async def order(order: Order, response: Response):
        response.headers["x-made"] = "yes"
        return order

    @app.post("/form")
    def form(a: int = Form(), b: str = Form()):
        return {"a": a, "b": b}

    @app.post("/file")
    async def upload(file: UploadFile = File()):
        return {"size": len(await file.read()), "name": file.filename}

    @app.get("/list")
    async def listed() -> list[Order]:
        return [Order(name="a", price=1), Order(name="b", price=2)]

    @app.get("/invalid", response_model=Order)
    async def invalid():
        return {"wrong": True}

    @app.get("/header")
    async def header(x_token: str = Header()):
        return x_token

    @app.get("/cookie")
    async def cookie(response: Response):
        response.set_cookie("c", "d")

    return app


@example(
    get("/"), get("/", headers=((b"origin", b"http://a"), (b"accept-encoding", b"gzip"))), get("/x")
)
def middlewares():
    class Stamp(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            request.state.stamp = "seen"
            response = await call_next(request)
            response.headers["x-stamp"] = request.state.stamp
            return response

    class Pure:
        def __init__(self, app, name):
            self.app, self.name = app, name

        async def __call__(self, scope, receive, send):
            async def named(message):
                if message["type"] == "http.response.start":
                    message["headers"].append((b"x-name", self.name))
                await send(message)

            await self.app(scope, receive, named)

    async def root(request):
        return PlainTextResponse("x" * 2000 + request.state.stamp)

    return Starlette(
        routes=[Route("/", root)],
        middleware=[
            Middleware(CORSMiddleware, allow_origins=["*"]),
            Middleware(Stamp),
            Middleware(GZipMiddleware),
            Middleware(Pure, name=b"pure"),
        ],
    )


@example(
    (
        asgi.scope("/", type="lifespan"),
        ({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}),
    )
)
def lifespan():
    @asynccontextmanager
    async def life(app):
        yield {"ready": True}

    return FastAPI(lifespan=life)


@example(get("/endpoint"), get("/endpoint", "POST"), get("/html"), get("/bytes"), get("/empty"))
def custom_responses():
    from starlette.endpoints import HTTPEndpoint

    class Endpoint(HTTPEndpoint):
        async def get(self, request):
            return PlainTextResponse("get")

    class Loud(JSONResponse):
        def render(self, content):
            return super().render(content).upper()

    app = FastAPI(default_response_class=Loud)
    app.router.routes.append(Route("/endpoint", Endpoint))

    @app.get("/html", response_class=PlainTextResponse)
    async def html():
        return "<b>"

    @app.get("/bytes")
    async def raw():
        return Response(b"\x00\xff", media_type="application/octet-stream")

    @app.get("/empty", status_code=204)
    async def empty():
        return None

    return app


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_app_behaves_the_same_with_and_without_the_line(name):
    make, exchanges = EXAMPLES[name]
    bare = make()
    without = [asgi.exchange_now(bare, dict(scope), incoming) for scope, incoming in exchanges]
    measured = make()
    inprofile.instrument(measured)
    with_line = [
        asgi.exchange_now(measured, dict(scope), incoming) for scope, incoming in exchanges
    ]
    assert with_line == without
    assert inprofile.status()["errors"] == 0
    assert any(without)
