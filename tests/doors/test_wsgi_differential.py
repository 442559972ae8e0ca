"""Documented behaviours of WSGI and Flask: the server is given the same with and without the line.

What is compared: status, headers, what is written, every part of the body, the error that comes
out, and in which order the app's own functions were called, its close() included.
"""

from functools import partial
from pathlib import Path
from wsgiref.util import FileWrapper

import pytest
from flask import Flask, Response, abort, g, redirect, request, send_file, stream_with_context

import inprofile
from tests import wsgi

HERE = Path(__file__)


class Body:
    """An iterable that notes what is done with it."""

    def __init__(self, log, parts, fails_at=None):
        self.log, self.parts, self.fails_at = log, parts, fails_at

    def __iter__(self):
        self.log.append("iter")
        for number, part in enumerate(self.parts):
            if number == self.fails_at:
                raise KeyError(number)
            self.log.append(number)
            yield part

    def close(self):
        self.log.append("close")


class Broken(Body):
    def __iter__(self):
        raise OSError("no body")

    def close(self):
        super().close()
        raise ValueError("close")


def simple(status, make):
    def app(log, environ, start_response):
        start_response(status, [("X-A", "b"), ("X-A", "c")])
        return make(log)

    return app


def generated(log, environ, start_response):
    log.append("begun")
    start_response("200 OK", [])
    try:
        yield b"a"
        yield b""
        yield b"b"
    finally:
        log.append("closed")


def late(log, environ, start_response):
    yield b""
    start_response("200 OK", [])
    yield b"late"


def writes(log, environ, start_response):
    write = start_response("200 OK", [])
    log.append(write(b"one") is None)
    write(b"two")
    return [b"three"]


def by_keyword(log, environ, start_response):
    start_response(status="200 OK", headers=[("A", "b")])
    return [b"x"]


def again(log, environ, start_response):
    start_response("200 OK", [])
    try:
        raise RuntimeError("late")
    except RuntimeError as error:
        start_response("500 Oops", [("A", "b")], (RuntimeError, error, None))
    return [b"sorry"]


def raises(log, environ, start_response):
    start_response("200 OK", [])
    raise LookupError("raised")


def raises_half_way(log, environ, start_response):
    start_response("200 OK", [])
    yield b"half"
    raise LookupError("half way")


def ends_itself(log, environ, start_response):
    start_response("200 OK", [])
    yield b"x"
    raise StopIteration  # noqa: PLR1708 - which Python makes a RuntimeError of


def file(log, environ, start_response):
    start_response("200 OK", [])
    return environ["wsgi.file_wrapper"](HERE.open("rb"), 1000)


APPS = {
    "list": simple("200 OK", lambda log: [b"a", b"b"]),
    "tuple": simple("200 OK", lambda log: (b"a",)),
    "empty list": simple("204 No Content", lambda log: []),
    "empty part": simple("200 OK", lambda log: [b""]),
    "bytes": simple("200 OK", lambda log: b"abc"),
    "text": simple("200 OK", lambda log: ["text"]),
    "nothing": simple("200 OK", lambda log: None),
    "no status": lambda log, environ, start_response: [b"x"],
    "iterator": simple("200 OK", lambda log: iter([b"a", b"b"])),
    "iterable": simple("200 OK", lambda log: Body(log, [b"a", b"b"])),
    "failing iterable": simple("200 OK", lambda log: Body(log, [b"a", b"b"], 1)),
    "broken iterable": simple("200 OK", lambda log: Broken(log, [])),
    "generator": generated,
    "late generator": late,
    "write": writes,
    "by keyword": by_keyword,
    "status again": again,
    "raises": raises,
    "raises half way": raises_half_way,
    "StopIteration": ends_itself,
    "file": file,
}


def told(app, method, parts):
    """What the server was given, and what the app was asked for."""
    log: list = []
    environ = wsgi.environ("/x", method, wsgi_file_wrapper=FileWrapper)
    try:
        given = wsgi.exchange(partial_of(app, log), environ, parts)
    except ValueError as error:  # of close()
        given = [repr(error)]
    return given, log


def partial_of(app, log):
    called = partial(app, log)
    return inprofile.instrument(called) if inprofile.status()["enabled"] else called


@pytest.mark.parametrize("parts", [None, 0, 1])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("name", APPS)
def test_a_server_is_given_the_same_with_and_without_the_line(name, method, parts):
    without = told(APPS[name], method, parts)
    inprofile.instrument()
    with_line = told(APPS[name], method, parts)
    assert with_line == without
    assert inprofile.status()["errors"] == 0


def pages(log):  # noqa: C901 - one view after the other
    app = Flask("shop")

    @app.before_request
    def before():
        g.log = log
        log.append(f"before {request.path}")

    @app.after_request
    def after(response):
        log.append(f"after {response.status}")
        response.headers["X-After"] = "yes"
        return response

    @app.teardown_request
    def teardown(error):
        log.append(f"teardown {error!r}")

    @app.teardown_appcontext
    def forget(error):
        log.append(f"forget {error!r}")

    @app.errorhandler(418)
    def teapot(error):
        return {"tea": error.description}, 418, {"X-Tea": "yes"}

    @app.errorhandler(LookupError)
    def lost(error):
        return f"lost {error}", 404

    @app.get("/text/<name>")
    def text(name):
        response = Response(f"hello {name}")
        response.call_on_close(lambda: log.append("closed"))
        return response

    @app.get("/stream")
    def stream():
        def parts():
            try:
                for number in range(3):
                    yield f"{request.path}{number}"
            finally:
                log.append(f"stream ends {g.log is log}")

        return stream_with_context(parts())

    @app.get("/bare")
    def bare():
        return Response(iter([b"a", b"b"]), status=206)

    @app.get("/breaks")
    def breaks():
        def parts():
            yield "half"
            raise RuntimeError("half way")

        return Response(parts())

    @app.get("/file")
    def file():
        return send_file(HERE)

    @app.get("/teapot")
    def tea():
        abort(418, "short")

    @app.get("/lost")
    def get_lost():
        raise KeyError("x")

    @app.get("/crash")
    def crash():
        raise RuntimeError("crash")

    @app.get("/async")
    async def later():
        return ["async"]

    @app.get("/red")
    def red():
        return redirect("/text/x")

    @app.get("/nothing")
    def nothing():
        return "", 204

    @app.get("/none")
    def none():
        return None

    @app.get("/app")
    def application():
        def other(environ, start_response):
            start_response("203 Other", [("A", "b")])
            return [b"x"]

        return other

    @app.post("/json")
    def json():
        return {"got": request.get_json(), "args": request.args}

    @app.post("/form")
    def form():
        return {"a": request.form["a"]}

    return app


JSON = {"CONTENT_TYPE": "application/json"}
FORM = {"CONTENT_TYPE": "application/x-www-form-urlencoded"}
ASKED = [
    *[(path, "GET", {}) for path in ("/text/x", "/stream", "/bare", "/breaks", "/file", "/teapot")],
    *[(path, "GET", {}) for path in ("/lost", "/crash", "/async", "/red", "/nothing", "/none")],
    *[(path, "GET", {}) for path in ("/app", "/nowhere", "/text/x/", "/metrics/")],
    ("/text/x", "HEAD", {}),
    ("/stream", "HEAD", {}),
    ("/text/x", "OPTIONS", {}),
    ("/text/x", "POST", {}),
    ("/json", "POST", JSON | {"body": b'{"a": 1}'}),
    ("/json", "POST", JSON | {"body": b"nonsense"}),
    ("/json", "POST", {"body": b"{}"}),
    ("/form", "POST", FORM | {"body": b"a=1"}),
    ("/form", "POST", FORM | {"body": b"b=1"}),
]


@pytest.mark.parametrize("parts", [None, 0, 1])
@pytest.mark.parametrize("testing", [False, True])
@pytest.mark.parametrize(("path", "method", "more"), ASKED)
def test_a_flask_app_behaves_the_same_with_and_without_the_line(path, method, more, testing, parts):
    seen = []
    for with_line in (False, True):
        log: list = []
        app = pages(log)
        app.testing = testing
        if with_line:
            inprofile.instrument(app)
        environ = wsgi.environ(path, method, wsgi_file_wrapper=FileWrapper, **more)
        given = wsgi.exchange(app, environ, parts)
        seen.append((steady(given), log))
    assert seen[0] == seen[1]
    assert inprofile.status()["errors"] == 0


def steady(given):
    """Without the header that says the time."""
    if given and isinstance(given[0], tuple):
        status, headers, error = given[0]
        given[0] = status, [header for header in headers if header[0] != "Date"], error
    return given
