"""Where the metrics are served, in which format, and what a scrape is to the app."""

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
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Route

import inprofile
from inprofile.core.guard import guard
from inprofile.exporters.serving.endpoint import Endpoint
from inprofile.testing import record
from tests import asgi
from tests.exporters.apps import (
    answering,
    fastapi,
    get_item,
    get_metrics,
    get_page,
    is_ours,
    post_metrics,
    theirs,
)
from tests.exporters.exposed import ACCEPT, COUNT, OPENMETRICS, PLAIN, scraped, total, values

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
    assert nothing == {"type": "http.response.body", "body": b"", "more_body": False}


# Root paths


@contextlib.contextmanager
def served(app, **config):
    """The application under a real uvicorn, and its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:  # a client waits until it is served
        server = uvicorn.Server(
            uvicorn.Config(
                app, log_level="critical", ws="none", lifespan="off", loop="asyncio", **config
            )
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
            return [b"metrics"], "text/plain"

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
