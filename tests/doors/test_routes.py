"""Every request is counted under the full template of its route."""

import pytest
from fastapi import APIRouter, FastAPI, HTTPException
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount, Route

import inprofile
from inprofile.testing import record
from tests import asgi


async def plain(request):
    return PlainTextResponse("plain")


async def opaque(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"opaque"})


def routes(app):
    users = APIRouter(prefix="/users")

    @users.get("/{user}/orders")
    async def orders(user: int):
        return {}

    @users.get("")
    async def everybody():
        return {}

    @users.post("/{user}")
    def change(user: int):
        return {}

    version = APIRouter(prefix="/v1")
    version.include_router(users)
    app.include_router(version, prefix="/api")
    app.include_router(users, prefix="/again")
    app.include_router(APIRouter(routes=[Route("/star/{k}", plain)]), prefix="/included")

    @app.get("/files/{path:path}")
    async def files(path: str):
        return {}

    @app.get("/teapot")
    async def teapot():
        raise HTTPException(418)

    @app.get("/broken")
    async def broken():
        raise RuntimeError("broken")

    tenant = FastAPI()

    @tenant.get("/deep/{z}")
    async def deep(z: str):
        return {}

    app.mount("/tenants/{tenant}", tenant)
    inner = Mount("/n", routes=[Route("/q", plain)])
    app.mount("/starlette", Starlette(routes=[Route("/p/{a:int}", plain), inner]))
    app.mount("/opaque", opaque)


CASES = [
    ("GET", "/api/v1/users/3/orders", "/api/v1/users/{user}/orders", 200),
    ("GET", "/api/v1/users", "/api/v1/users", 200),
    ("POST", "/api/v1/users/3", "/api/v1/users/{user}", 200),
    ("DELETE", "/api/v1/users/3", "/api/v1/users/{user}", 405),
    ("OPTIONS", "/api/v1/users/3", "/api/v1/users/{user}", 405),
    ("GET", "/again/users/3/orders", "/again/users/{user}/orders", 200),
    ("HEAD", "/again/users", "/again/users", 405),
    ("GET", "/included/star/1", "/included/star/{k}", 200),
    ("HEAD", "/included/star/1", "/included/star/{k}", 200),
    ("GET", "/files/a/b", "/files/{path}", 200),
    ("GET", "/tenants/acme/deep/1", "/tenants/{tenant}/deep/{z}", 200),
    ("GET", "/tenants/acme/none", "/tenants/{tenant}/{path}", 404),
    ("GET", "/starlette/p/4", "/starlette/p/{a}", 200),
    ("POST", "/starlette/p/4", "/starlette/p/{a}", 405),
    ("GET", "/starlette/n/q", "/starlette/n/q", 200),
    ("GET", "/opaque/anything/at/all", "/opaque/{path}", 200),
    ("GET", "/nowhere", "_UNMATCHED", 404),
    ("GET", "/nowhere/else", "_UNMATCHED", 404),
    ("GET", "/teapot", "/teapot", 418),
    ("GET", "/broken", "/broken", 500),
]


@pytest.mark.parametrize("late", [False, True], ids=["line first", "line last"])
@pytest.mark.parametrize(("method", "path", "route", "status"), CASES)
def test_a_request_is_counted_under_its_full_template(late, method, path, route, status):
    app = FastAPI()
    if not late:
        inprofile.instrument(app)
    routes(app)
    if late:
        inprofile.instrument(app)
    with record() as recorded:
        asgi.asked(app, path, method)
    trace = recorded.trace
    assert (trace.method, trace.route, trace.status) == (method, route, status)
    assert sum(trace.stages.values()) == trace.wall_ns


def test_an_unknown_method_is_counted_as_other():
    app = FastAPI()
    inprofile.instrument(app)
    routes(app)
    with record() as recorded:
        asgi.asked(app, "/teapot", "BREW")
    assert (recorded.trace.method, recorded.trace.route) == ("_OTHER", "/teapot")


def test_a_route_below_a_host_has_its_template():
    app = Starlette(routes=[Host("{sub}.example.org", Starlette(routes=[Route("/x/{y}", plain)]))])
    inprofile.instrument(app)
    with record() as recorded:
        asgi.exchange_now(app, asgi.scope("/x/1") | {"headers": [(b"host", b"a.example.org")]})
    assert recorded.trace.route == "/x/{y}"
