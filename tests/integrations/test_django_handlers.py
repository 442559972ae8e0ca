"""Django's requests: who spends their time, by name, and under which route they are counted."""

import asyncio
import threading
from wsgiref.util import setup_testing_defaults

import httpx
import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test import AsyncClient, Client, override_settings
from django.test.testcases import LiveServerThread, _StaticFilesHandler

import inprofile
from inprofile.integrations.django_handlers import template
from inprofile.testing import record
from tests import asgi
from tests.integrations.django_data import rows
from tests.integrations.django_settings import MIDDLEWARE
from tests.integrations.django_site import NAMES, PARTS
from tests.integrations.spans import names, spans

LINE = "inprofile.django.Middleware"


@pytest.fixture(autouse=True)
def _rows():
    with rows():
        yield


def got(path, **more):
    """The trace of one request of Django's test client, and its response."""
    with record() as recorded:
        response = Client(raise_request_exception=False).get(path, **more)
    trace = recorded.trace
    assert sum(trace.stages.values()) == trace.wall_ns
    return trace, response


def by_wsgi(app, path):
    environ = {"PATH_INFO": path, "QUERY_STRING": ""}
    setup_testing_defaults(environ)
    answered = []
    result = app(environ, lambda status, headers, *_: answered.append(status))
    try:
        return answered[0], b"".join(result)
    finally:
        result.close()


def by_asgi(app, path):
    start, *rest = asgi.asked(app, path)
    return start["status"], b"".join(message.get("body", b"") for message in rest)


def test_each_middleware_and_the_view_have_their_own_time():
    trace, response = got("/numbers/3/")
    assert (response.json(), trace.status, trace.route) == (
        {"numbers": [0, 1, 2]},
        200,
        "/numbers/<int:n>/",
    )
    assert spans(trace) == [
        ("middleware", "SecurityMiddleware", "http", 1),
        ("middleware", "SessionMiddleware", "SecurityMiddleware", 1),
        ("middleware", "LocaleMiddleware", "SessionMiddleware", 1),
        ("middleware", "CommonMiddleware", "LocaleMiddleware", 1),
        ("middleware", "plain", "CommonMiddleware", 1),
        ("middleware", "Refusing", "plain", 1),
        ("other", "application", "Refusing", 1),
        ("middleware", "Refusing.process_view", "application", 1),
        ("handler", "numbers", "application", 1),
        ("serialization", "render JsonResponse", "numbers", 1),
    ]
    assert trace.stages["routing"] > 0


def test_a_hook_of_a_middleware_is_its_time():
    trace, _ = got("/numbers/3/?hold")
    spent = {str(span.name): span.self_ns for span in trace.spans}
    assert spent["Refusing.process_view"] >= 2_000_000
    assert spent["numbers"] < spent["Refusing.process_view"]


def test_a_middleware_that_answers_leaves_out_what_is_below_it():
    trace, response = got("/numbers/3/?refuse")
    assert (response.status_code, trace.status, trace.route) == (403, 403, "_UNMATCHED")
    assert names(trace, "middleware")[-1] == "Refusing"
    assert names(trace, "handler") == []


ROUTES = {
    "/numbers/5/": "/numbers/<int:n>/",
    "/page/2026/": "/page/<year>/",
    "/old/7/": "/old/<var>/",
    "/en/about/": "/en/about/",
    "/nowhere/": "_UNMATCHED",
}


@pytest.mark.parametrize("path", ROUTES)
def test_a_route_is_the_whole_pattern(path):
    trace, _ = got(path)
    assert trace.route == ROUTES[path]


PATTERNS = {
    "": "/",
    "api/<path:rest>": "/api/<path:rest>",
    r"^(?P<a>\w+)/(?P<b>(x|y)+)\.json$": "/<a>/<b>.json",
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_regular_expression_is_shown_as_people_write_paths(pattern):
    assert template(pattern) == PATTERNS[pattern]


ERRORS = {
    "missing": (404, "Http404", ["page_not_found"]),
    "denied": (403, "PermissionDenied", ["permission_denied"]),
    "suspicious": (400, "SuspiciousOperation", ["bad_request"]),
    "mended": (409, "KeyError", []),
    "broken": (500, "ZeroDivisionError", ["server_error"]),
}


@pytest.mark.parametrize("how", ERRORS)
def test_what_goes_wrong_in_a_view_is_noted_and_answered_as_ever(how):
    trace, response = got(f"/failing/{how}/")
    status, error, pages = ERRORS[how]
    view, *shown = [span for span in trace.spans if span.kind == "handler"]
    assert (response.status_code, view.error) == (status, error)
    assert [str(span.name) for span in shown] == pages
    assert {str(span.parent.name) for span in shown} <= {"error response"}
    assert trace.status == response.status_code
    assert trace.error == ("500" if how == "broken" else None)


@override_settings(ALLOWED_HOSTS=["testserver"])
def test_a_host_that_is_not_allowed_is_the_error_of_who_asked_for_it():
    trace, response = got("/numbers/3/", headers={"host": "elsewhere"})
    failed = {str(span.name): span.error for span in trace.spans if span.error}
    assert (response.status_code, trace.status, trace.route) == (400, 400, "_UNMATCHED")
    assert (failed, trace.error) == ({"CommonMiddleware": "DisallowedHost"}, None)
    (page,) = [span for span in trace.spans if span.name == "error response"]
    assert page.parent.name == "LocaleMiddleware"


def test_a_streamed_response_ends_when_it_is_closed():
    with record() as recorded:
        response = Client().get("/streaming/")
        assert recorded.traces == []
        assert b"".join(response) == b"".join(PARTS)
    assert recorded.trace.route == "/streaming/"


def test_an_asynchronous_view_below_synchronous_middleware_keeps_its_trace():
    for path in ("/waiting/", "/hopping/"):
        trace, response = got(path)
        assert response.json()["count"] == len(NAMES)
        assert len(names(trace, "db")) >= 1
        assert trace.stages["threadpool_wait"] > 0


def test_the_asynchronous_client_sees_the_same_stages():
    async def ask():
        return await AsyncClient().get("/waiting/")

    with record() as recorded:
        response = asyncio.run(ask())
    trace = recorded.trace
    assert response.json()["names"] == NAMES
    assert (trace.route, trace.status) == ("/waiting/", 200)
    assert names(trace, "middleware")[:6] == [
        "SecurityMiddleware",
        "SessionMiddleware",
        "LocaleMiddleware",
        "CommonMiddleware",
        "plain",
        "Refusing",
    ]
    assert names(trace, "handler") == ["waiting"]
    assert sum(trace.stages.values()) == trace.wall_ns


@override_settings(STATIC_URL="/static/", MEDIA_URL="/media/", MEDIA_ROOT="")
def test_the_live_server_of_a_test_has_one_trace_for_each_request():
    server = LiveServerThread("127.0.0.1", _StaticFilesHandler)
    with record() as recorded:
        server.start()
        assert server.is_ready.wait(30)
        try:
            answer = httpx.get(f"http://127.0.0.1:{server.port}/numbers/3/", trust_env=False)
        finally:
            server.terminate()
    assert answer.json() == {"numbers": [0, 1, 2]}
    assert (recorded.trace.route, recorded.trace.status) == ("/numbers/<int:n>/", 200)
    assert names(recorded.trace, "handler") == ["numbers"]


POSITIONS = [0, 2, len(MIDDLEWARE)]
STREAMS = {"wsgi": ["/streaming/", "/file/"], "asgi": ["/async-streaming/"]}
SERVERS = {"wsgi": (WSGIHandler, by_wsgi, "200 OK"), "asgi": (ASGIHandler, by_asgi, 200)}


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("position", POSITIONS)
def test_the_line_sees_every_middleware_wherever_it_stands(position, server):
    make, ask, fine = SERVERS[server]
    with override_settings(MIDDLEWARE=[*MIDDLEWARE[:position], LINE, *MIDDLEWARE[position:]]):
        app = make()
    with record() as recorded:
        for _ in range(2):
            assert ask(app, "/numbers/2/") == (fine, b'{"numbers": [0, 1]}')
    for trace in recorded.traces:
        assert (trace.route, trace.status) == ("/numbers/<int:n>/", 200)
        assert len(names(trace, "middleware")) == len(MIDDLEWARE) + 1
        assert names(trace, "handler") == ["numbers"]
        assert sum(trace.stages.values()) == trace.wall_ns


def test_without_the_line_nothing_of_django_is_changed():
    before = BaseHandler.load_middleware, WSGIHandler.__call__, ASGIHandler.__call__
    inprofile.instrument()
    assert WSGIHandler.__call__ is not before[1]
    inprofile.uninstrument()
    assert (BaseHandler.load_middleware, WSGIHandler.__call__, ASGIHandler.__call__) == before


@pytest.mark.parametrize("server", SERVERS)
def test_responses_are_the_same_with_and_without_us(server):
    make, ask, _ = SERVERS[server]
    inprofile.uninstrument()
    paths = ["/numbers/4/", "/names/", "/page/2026/", "/nowhere/", "/failing/mended/"]
    paths += [*STREAMS[server], "/waiting/", "/failing/denied/", "/numbers/1/"]
    without = [ask(make(), path) for path in paths]
    with record() as recorded:
        within = [ask(make(), path) for path in paths]
    assert within == without
    assert len(recorded.traces) == len(paths)


def test_requests_beside_each_other_keep_their_own_spans():
    app = WSGIHandler()
    with record() as recorded:
        threads = [threading.Thread(target=by_wsgi, args=(app, f"/numbers/{n}/")) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [names(trace, "handler") for trace in recorded.traces] == [["numbers"]] * 8
    for trace in recorded.traces:
        assert len(names(trace, "middleware")) == len(MIDDLEWARE) + 1


def test_a_thousand_requests_pass_the_same_functions():
    app, depths = WSGIHandler(), []
    inprofile.instrument()
    chain = app._middleware_chain
    for _ in range(1000):
        by_wsgi(app, "/numbers/1/")
        depths.append(type(chain.__closure__[0].cell_contents.call).__name__)
    assert set(depths) == {"SecurityMiddleware"}
