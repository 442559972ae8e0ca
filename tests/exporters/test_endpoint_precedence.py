"""What of the user's wins over the metrics, and what does not hide them."""

import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from prometheus_client import make_asgi_app
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles

import inprofile
from inprofile.core.guard import guard
from tests import asgi
from tests.exporters.apps import (
    answering,
    fastapi,
    get_item,
    get_metrics,
    get_page,
    is_ours,
    post_metrics,
    starlette,
    theirs,
)


def whose(make, path="/metrics", method="GET", **more):
    """Who answers when the line is there: "ours", or "theirs" when it is as without the line."""
    sent = asgi.asked(inprofile.instrument(make()), path, method, **more)
    if is_ours(sent):
        return "ours"
    inprofile.uninstrument()
    assert sent == asgi.asked(make(), path, method, **more)
    return "theirs"


# What of the user's wins


async def not_there(request):
    raise HTTPException(404)


class OnePage(StaticFiles):
    """The usual way to serve a single-page application: its page wherever there is no file."""

    async def get_response(self, path, scope):
        try:
            return await super().get_response(path, scope)
        except HTTPException:
            return await super().get_response("index.html", scope)


@pytest.fixture
def site(tmp_path):
    """A directory of static files."""
    (tmp_path / "index.html").write_text("the page")
    (tmp_path / "404.html").write_text("the page for what is not there")
    return tmp_path


def included(*declarations, prefix=""):
    """The same on a router of its own."""

    def declare(app):
        router = APIRouter()
        for one in declarations:
            one(router)
        app.include_router(router, prefix=prefix)

    return declare


def get_nothing(app):
    @app.get("")
    async def nothing():
        return "theirs"


def get_anything(app):
    @app.get("/{path:path}")
    async def page(path: str):
        return "the page"


def put_key(app):
    @app.put("/{key}")
    async def put(key: str):
        return key


def no_redirect():
    app = Starlette(routes=[Route("/metrics/", theirs)])
    app.router.redirect_slashes = False
    return app


THEIRS = {
    "a Starlette route": starlette(Route("/metrics", theirs)),
    "a FastAPI route": fastapi(get_metrics),
    "a route of an included router": fastapi(included(get_metrics)),
    "a router included below the path": fastapi(included(get_nothing, prefix="/metrics")),
    "a route before one that takes any path": fastapi(get_metrics, get_anything),
    "the same in an included router": fastapi(included(get_metrics, get_anything)),
    "a route that says 404 itself": starlette(Route("/metrics", not_there)),
    "a route for another method": fastapi(post_metrics),
    "a route with a slash, to which is redirected": starlette(Route("/metrics/", theirs)),
    "a mount, to which is redirected": starlette(Mount("/metrics", make_asgi_app())),
    "a route in a mount at the root": starlette(Mount("/", routes=[Route("/metrics", theirs)])),
    "a route of an app mounted at the root": starlette(Mount("/", fastapi(get_metrics)())),
    "a route of a host": starlette(Host("test", Router([Route("/metrics", theirs)]))),
    "a page that is named so": fastapi(get_page),
    "an app mounted at the root": starlette(Mount("/", answering(200))),
    "any ASGI callable": lambda: answering(200),
    "one that refuses the client": lambda: answering(401),
    "one that fails": lambda: answering(500),
    "a route that raises": starlette(Route("/{name}", lambda request: 1 / 0)),
}


OURS = {
    "nothing": Starlette,
    "other routes": starlette(Route("/", theirs), Mount("/static", answering(200))),
    "a route that takes any path": starlette(Route("/{rest:path}", theirs)),
    "a FastAPI route that takes any path": fastapi(get_anything),
    "one in an included router": fastapi(included(get_anything)),
    "one in a router in a router": fastapi(included(included(get_anything))),
    "one in an app mounted at the root": starlette(Mount("/", fastapi(get_anything)())),
    "a route behind one that takes any path": fastapi(get_anything, get_metrics),
    "a route for numbers": fastapi(get_item),
    "a route with a parameter for another method": fastapi(put_key),
    "a page that is not there": starlette(Route("/{name}", not_there)),
    "a websocket": starlette(WebSocketRoute("/metrics", theirs)),
    "a mount for each tenant": starlette(Mount("/{tenant}", answering(200))),
    "an app mounted at the root that has nothing there": starlette(Mount("/", answering(404))),
    "an empty app mounted at the root": starlette(Mount("/", Starlette())),
    "another host": starlette(Host("other", Router([Route("/metrics", theirs)]))),
    "a slash and no redirect": no_redirect,
    "any ASGI callable that has nothing there": lambda: answering(404),
    "one that refuses the method": lambda: answering(405),
}


@pytest.mark.parametrize("make", THEIRS.values(), ids=THEIRS)
def test_this_wins_over_the_metrics(make):
    assert whose(make) == "theirs"


@pytest.mark.parametrize("make", OURS.values(), ids=OURS)
def test_this_does_not_hide_the_metrics(make):
    assert whose(make) == "ours"


@pytest.mark.parametrize("late", [False, True], ids=["line first", "line last"])
@pytest.mark.parametrize(("declare", "who"), [(get_metrics, "theirs"), (get_anything, "ours")])
def test_it_does_not_matter_whether_the_route_or_the_line_comes_first(declare, who, late):
    app = FastAPI()
    if not late:
        inprofile.instrument(app)
    declare(app)
    if late:
        inprofile.instrument(app)
    sent = asgi.asked(app, "/metrics")
    assert is_ours(sent) == (who == "ours")
    assert (sent[1]["body"] == b'"theirs"') == (who == "theirs")


def test_a_route_that_is_added_while_the_app_runs_wins_from_then_on():
    app = inprofile.instrument(FastAPI())
    before = asgi.asked(app, "/metrics")
    get_metrics(app)
    after = asgi.asked(app, "/metrics")
    assert (is_ours(before), after[1]["body"]) == (True, b'"theirs"')


def test_a_mounted_exporter_still_gets_its_redirect():
    app = inprofile.instrument(THEIRS["a mount, to which is redirected"]())
    redirect, _ = asgi.asked(app, "/metrics")
    assert redirect["status"] == 307
    assert dict(redirect["headers"])[b"location"] == b"http://test/metrics/"
    start, body = asgi.asked(app, "/metrics/")
    assert (start["status"], b"python_info" in body["body"]) == (200, True)
    assert not is_ours([start, body])


@pytest.mark.parametrize("files", [StaticFiles, OnePage])
@pytest.mark.parametrize("html", [False, True])
def test_static_files_at_the_root_do_not_hide_the_metrics(site, files, html):
    assert whose(starlette(Mount("/", files(directory=site, html=html)))) == "ours"


@pytest.mark.parametrize("files", [StaticFiles, OnePage])
def test_a_static_file_of_that_name_is_the_users(site, files):
    (site / "metrics").write_text("theirs")
    app = inprofile.instrument(starlette(Mount("/", files(directory=site)))())
    start, body, *_ = asgi.asked(app, "/metrics")
    assert (start["status"], body["body"]) == (200, b"theirs")


def test_a_directory_of_that_name_is_the_users_where_it_has_a_page(site):
    (site / "metrics").mkdir()
    assert whose(starlette(Mount("/", StaticFiles(directory=site)))) == "ours"
    (site / "metrics" / "index.html").write_text("theirs")
    page = starlette(Mount("/", StaticFiles(directory=site, html=True)))
    assert whose(page) == "theirs"


@pytest.mark.skipif(not hasattr(FastAPI, "frontend"), reason="newer FastAPI")
def test_the_frontend_of_a_fastapi_app_does_not_hide_the_metrics(site):
    def frontend(app):
        app.frontend("/", directory=site, fallback="index.html")

    assert whose(fastapi(frontend)) == "ours"


# Other methods and paths


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
@pytest.mark.parametrize(
    "make",
    [Starlette, starlette(Route("/metrics", theirs, methods=["POST"])), lambda: answering(404)],
    ids=["nothing there", "a route there", "any ASGI callable"],
)
def test_other_methods_are_the_apps(make, method):
    assert whose(make, method=method) == "theirs"


@pytest.mark.parametrize(
    "path", ["/", "/metrics/", "/metrics/x", "/x/metrics", "/xmetrics", "//metrics", "/METRICS"]
)
@pytest.mark.parametrize("make", [Starlette, lambda: answering(404)], ids=["Starlette", "ASGI"])
def test_other_paths_are_the_apps(make, path):
    assert whose(make, path) == "theirs"


@pytest.mark.parametrize("setting", ["/internal/m", "/internal/m/"])
def test_the_path_is_a_setting(monkeypatch, setting):
    monkeypatch.setenv("INPROFILE_METRICS_PATH", setting)
    for make in (Starlette, lambda: answering(404), starlette(Mount("/internal", Starlette()))):
        assert [whose(make, path) for path in ("/internal/m", "/metrics", "/m")] == [
            *("ours", "theirs", "theirs")
        ]
        inprofile.uninstrument()


def test_with_an_empty_path_nothing_is_served(monkeypatch):
    monkeypatch.setenv("INPROFILE_METRICS_PATH", "")
    for path in ("/metrics", "/", ""):
        assert whose(Starlette, path) == "theirs"
        assert whose(lambda: answering(404), path) == "theirs"


def test_a_websocket_at_the_path_is_the_apps():
    app = FastAPI()

    @app.websocket("/metrics")
    async def ws(socket: WebSocket):
        await socket.accept()
        await socket.close(4000)

    inprofile.instrument(app)
    scope = asgi.scope("/metrics", type="websocket", scheme="ws", subprotocols=[])
    sent = asgi.exchange_now(app, scope, ({"type": "websocket.connect"},))
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]


# What the app says when it is asked


def test_of_an_app_that_has_nothing_there_no_message_gets_out():
    async def chunked(request):
        return StreamingResponse(iter([b"not", b" there"]), status_code=404)

    app = inprofile.instrument(starlette(Route("/{name}", chunked))())
    assert is_ours(asgi.asked(app, "/metrics"))


def test_an_app_that_fails_when_it_is_asked_fails_as_it_would_have():
    async def broken(scope, receive, send):
        raise RuntimeError("broken")

    assert asgi.asked(inprofile.instrument(broken), "/metrics") == ["RuntimeError('broken')"]


def test_routes_that_cannot_be_matched_are_asked():
    class Odd(Route):
        def matches(self, scope):
            raise RuntimeError("odd")

    guard.errors = 0
    app = inprofile.instrument(Starlette(routes=[Odd("/odd", theirs)]))
    start, _, error = asgi.asked(app, "/metrics")
    errors, guard.errors = guard.errors, 0
    assert (start["status"], error, errors > 0) == (500, "RuntimeError('odd')", True)
