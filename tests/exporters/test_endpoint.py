"""Where the metrics are served, to whom, and what of the user's wins over them."""

import asyncio
import contextlib
import os
import shutil
import socket
import threading
import time
from pathlib import Path

import anyio.to_thread
import httpx
import pytest
import uvicorn
from fastapi import APIRouter, FastAPI, WebSocket
from prometheus_client import make_asgi_app
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles

import inprofile
from inprofile.core.guard import guard
from inprofile.exporters.endpoint import Endpoint
from inprofile.testing import record
from tests import asgi
from tests.exporters.exposed import ACCEPT, OPENMETRICS, PLAIN, scraped, total, values

COUNT = "http_server_request_duration_seconds_count"


def theirs(request):
    return PlainTextResponse("theirs")


async def not_there(request):
    raise HTTPException(404)


def answering(status, body=b"theirs"):
    """An ASGI callable that says one thing whatever it is asked."""

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body[:3], "more_body": True})
        await send({"type": "http.response.body", "body": body[3:]})

    return app


def starlette(*routes, **more):
    return lambda: Starlette(routes=list(routes), **more)


def is_ours(sent):
    return len(sent) == 2 and b"inprofile_workers 1.0\n" in sent[1]["body"]


def whose(make, path="/metrics", method="GET", **more):
    """Who answers when the line is there: "ours", or "theirs" when it is as without the line."""
    sent = asgi.asked(inprofile.instrument(make()), path, method, **more)
    if is_ours(sent):
        return "ours"
    inprofile.uninstrument()
    assert sent == asgi.asked(make(), path, method, **more)
    return "theirs"


# Formats


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, "text/plain; version=0.0.4; charset=utf-8"),
        (b"*/*", "text/plain; version=0.0.4; charset=utf-8"),
        (b"text/plain", "text/plain; version=0.0.4; charset=utf-8"),
        (b"application/json", "text/plain; version=0.0.4; charset=utf-8"),
        (b"application/openmetrics-text; version=1.0.0", "application/openmetrics-text"),
        (b"text/html, application/openmetrics-text;version=1.0.0,*/*;q=0.1", OPENMETRICS),
    ],
    ids=str,
)
def test_the_format_is_the_one_that_is_accepted(accept, content_type):
    headers = [] if accept is None else [(b"accept", accept)]
    start, body = asgi.asked(inprofile.instrument(Starlette()), "/metrics", headers=headers)
    assert start["status"] == 200
    assert dict(start["headers"])[b"content-type"].decode().startswith(content_type)
    assert body["body"].endswith(b"# EOF\n") == (content_type == OPENMETRICS)


def test_what_is_accepted_may_stand_in_several_headers():
    headers = [(b"accept", ACCEPT[OPENMETRICS].encode()), (b"accept", b"text/html")]
    _, body = asgi.asked(inprofile.instrument(Starlette()), "/metrics", headers=headers)
    assert body["body"].endswith(b"# EOF\n")


def test_a_head_has_the_headers_of_a_get_and_no_body():
    app = inprofile.instrument(Starlette())
    get, body = asgi.asked(app, "/metrics")
    head, nothing = asgi.asked(app, "/metrics", "HEAD")
    names = [name for name, _ in get["headers"]]
    assert (head["status"], [name for name, _ in head["headers"]]) == (200, names)
    assert int(dict(head["headers"])[b"content-length"]) == pytest.approx(len(body["body"]), abs=20)
    assert nothing == {"type": "http.response.body", "body": b""}


# What of the user's wins


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


def fastapi(*declarations):
    """A FastAPI application on which these have declared their routes."""

    def make():
        app = FastAPI()
        for declare in declarations:
            declare(app)
        return app

    return make


def included(*declarations, prefix=""):
    """The same on a router of its own."""

    def declare(app):
        router = APIRouter()
        for one in declarations:
            one(router)
        app.include_router(router, prefix=prefix)

    return declare


def get_metrics(app):
    @app.get("/metrics")
    async def metrics():
        return "theirs"


def post_metrics(app):
    @app.post("/metrics")
    async def metrics():
        return "theirs"


def get_nothing(app):
    @app.get("")
    async def nothing():
        return "theirs"


def get_anything(app):
    @app.get("/{path:path}")
    async def page(path: str):
        return "the page"


def get_item(app):
    @app.get("/{number}")
    async def item(number: int):
        return number


def get_page(app):
    @app.get("/{name}")
    async def page(name: str):
        return name


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


# Root paths


@contextlib.contextmanager
def served(app, **config):
    """The application under a real uvicorn, and its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:  # a client waits until it is served
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="critical", ws="none", lifespan="off", **config)
        )
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def test_under_a_real_server_it_is_served_as_prometheus_asks():
    accept = (
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
        "text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
    )
    with served(inprofile.instrument(fastapi(get_item)())) as url:
        assert [httpx.get(f"{url}/{number}").json() for number in range(3)] == [0, 1, 2]
        found = httpx.get(f"{url}/metrics", headers={"accept": accept})
        head = httpx.head(f"{url}/metrics")
        posted = httpx.post(f"{url}/metrics")
    assert found.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert total(found.content, COUNT, http_route="/{number}") == 3
    assert (head.status_code, head.content, posted.status_code) == (200, b"", 405)


@pytest.mark.parametrize("make", [fastapi(get_item), lambda: answering(404)], ids=["app", "ASGI"])
def test_below_the_servers_root_path_it_is_found_as_the_apps_routes_are(make):
    with served(inprofile.instrument(make()), root_path="/api") as url:
        stripped = httpx.get(f"{url}/metrics")
        whole = httpx.get(f"{url}/api/metrics")
    assert (stripped.status_code, whole.status_code) == (200, 404)
    assert values(stripped.content, "inprofile_workers") == [({}, 1)]


def test_below_an_apps_own_root_path_it_is_found_with_and_without_it():
    app = inprofile.instrument(fastapi(get_item)())
    app.root_path = "/api"
    with served(app) as url:
        paths = ("/7", "/api/7", "/metrics", "/api/metrics")
        answers = [httpx.get(f"{url}{path}") for path in paths]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200]
    for answer in answers[2:]:
        assert values(answer.content, "inprofile_workers") == [({}, 1)]


def test_a_mounted_app_has_its_own_below_the_mount():
    inner = inprofile.instrument(fastapi(get_page)())
    outer = Starlette(routes=[Mount("/shop", inner), Route("/metrics", theirs)])
    assert asgi.asked(outer, "/metrics")[1]["body"] == b"theirs"
    assert asgi.asked(outer, "/shop/metrics")[1]["body"] == b'"metrics"'
    bare = inprofile.instrument(Starlette())
    assert is_ours(asgi.asked(Starlette(routes=[Mount("/shop", bare)]), "/shop/metrics"))


# What a scrape is to us


@pytest.mark.parametrize("make", [Starlette, lambda: answering(404)], ids=["Starlette", "ASGI"])
def test_a_scrape_is_no_request_of_the_app(make):
    app = inprofile.instrument(make())
    with record() as recorded:
        asgi.asked(app, "/elsewhere")
        bodies = [scraped(app) for _ in range(3)]
    assert [trace.path for trace in recorded.traces] == ["/elsewhere"]
    assert [total(body, COUNT) for body in bodies] == [1, 1, 1]
    active = [values(body, "http_server_active_requests") for body in bodies]
    assert active == [[({"http_request_method": "GET", "url_scheme": "http"}, 0)]] * 3


@pytest.mark.parametrize(
    "make", [fastapi(post_metrics), lambda: answering(202)], ids=["a route", "ASGI"]
)
def test_what_is_posted_there_is_a_request_of_the_app(make):
    app = inprofile.instrument(make())
    with record() as recorded:
        asgi.asked(app, "/metrics", "POST")
    assert [trace.method for trace in recorded.traces] == ["POST"]


def test_a_request_for_the_users_own_metrics_is_a_request_of_the_app():
    app = inprofile.instrument(fastapi(get_metrics)())
    with record() as recorded:
        asgi.asked(app, "/metrics")
    assert [trace.route for trace in recorded.traces] == ["/metrics"]


def by_hand(endpoint):
    """An app that is nothing but what ``endpoint`` answers."""

    async def app(scope, receive, send):
        answer = endpoint(scope)
        assert answer is not None
        await answer(answering(404), scope, receive, send)

    return app


def test_a_scrape_waits_for_no_thread_of_the_apps():
    app = inprofile.instrument(Starlette())
    done = threading.Event()

    async def scrape():
        anyio.to_thread.current_default_thread_limiter().total_tokens = 1
        stuck = asyncio.create_task(anyio.to_thread.run_sync(done.wait))
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(10):
                return await asgi.exchange(app, asgi.scope("/metrics"))
        finally:
            done.set()
            await stuck

    assert is_ours(asyncio.run(scrape()))


def test_the_loop_goes_on_while_a_scrape_is_written():
    may_end = threading.Event()

    async def scrape():
        loop, begun = asyncio.get_running_loop(), asyncio.Event()

        def exposition(accept):
            loop.call_soon_threadsafe(begun.set)
            assert may_end.wait(10)
            return b"metrics", "text/plain"

        door = by_hand(Endpoint(exposition, None))

        scraping = asyncio.create_task(asgi.exchange(door, asgi.scope("/metrics")))
        try:
            async with asyncio.timeout(10):
                await begun.wait()
        finally:
            may_end.set()
        return await scraping

    start, body = asyncio.run(scrape())
    assert (start["status"], body["body"]) == (200, b"metrics")


# When something is broken


def test_metrics_that_cannot_be_written_are_our_error_and_not_the_apps(caplog):
    def broken(accept):
        raise ZeroDivisionError

    door = by_hand(Endpoint(broken, None))

    guard.errors = 0
    start, body = asgi.asked(door, "/metrics")
    errors, guard.errors = guard.errors, 0
    assert (start["status"], errors) == (500, 1)
    assert b"inprofile" in body["body"]
    assert "ZeroDivisionError" in caplog.text


def own_file():
    (found,) = Path(os.environ["INPROFILE_DIR"]).glob("*/0.*.cells")
    return found


def torn(path):
    """A worker's file that a crash cut off in the middle of a series."""
    shutil.copyfile(own_file(), path)
    os.truncate(path, 4_000)


def of_another_version(path):
    data = bytearray(own_file().read_bytes())
    data[8] = 99
    path.write_bytes(data)


BROKEN = {
    "torn": torn,
    "version": of_another_version,
    "empty": Path.touch,
    "short": lambda path: path.write_bytes(b"INPROFIL"),
    "foreign": lambda path: path.write_bytes(b"something else entirely" * 100),
    "unreadable": Path.mkdir,
}


@pytest.mark.parametrize("accept", [PLAIN, OPENMETRICS])
@pytest.mark.parametrize("why", BROKEN)
def test_a_file_that_is_broken_costs_its_own_counts_alone(why, accept):
    app = inprofile.instrument(fastapi(get_item)())
    asgi.asked(app, "/1")
    BROKEN[why](own_file().with_name(f"1.{time.time_ns()}.99999.cells"))
    for times in (1, 2):
        body = scraped(app, accept)
        assert total(body, COUNT) == times
        assert values(body, "inprofile_skipped_files") == [({"reason": why}, 1)]
        asgi.asked(app, "/1")


def test_a_middleware_that_answers_everything_does_not_hide_the_metrics():
    """The door is outermost: what the user's middleware does is no matter of the metrics."""

    class Closed:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            await answering(503)(scope, receive, send)

    app = inprofile.instrument(Starlette(middleware=[Middleware(Closed)]))
    assert asgi.asked(app, "/")[0]["status"] == 503
    assert is_ours(asgi.asked(app, "/metrics"))
