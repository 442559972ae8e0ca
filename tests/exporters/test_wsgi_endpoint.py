"""The metrics at a path of a WSGI app's: what of the user's wins over them."""

import pytest

from inprofile.core.guard import guard
from inprofile.doors.wsgi import Door
from inprofile.exporters.serving.wsgi_endpoint import WsgiEndpoint
from inprofile.process import running
from tests import wsgi
from tests.exporters.exposed import ACCEPT, OPENMETRICS, total

COUNT = "http_server_request_duration_seconds_count"


def door(app, path="/metrics"):
    runtime = running()
    assert runtime is not None
    return Door(app, runtime.recorder, WsgiEndpoint(runtime.outlets.exposition), path)


class Body(list):
    """What an app returns, which notes that it was closed."""

    closed = 0

    def close(self):
        self.closed += 1


def answering(status, log=None):
    def app(environ, start_response):
        start_response(status, [("X-Theirs", "1")])
        body = Body([b"the", b"irs"])
        if log is not None:
            log.append(body)
        return body

    return app


def generating(status, log=None):
    """Says its status when its first part is asked for, as generators do."""

    def app(environ, start_response):
        try:
            yield b""
            start_response(status, [("X-Theirs", "1")])
            yield b"the"
            yield b"irs"
        finally:
            if log is not None:
                log.append("closed")

    return app


def writing(status, log=None):
    def app(environ, start_response):
        start_response(status, [("X-Theirs", "1")])(b"the")
        return [b"irs"]

    return app


def correcting(environ, start_response):
    """Finds nothing, and then something after all."""
    start_response("404 Not Found", [])
    start_response("200 OK", [], (ValueError, ValueError(), None))
    return [b"theirs"]


def is_ours(given):
    return given[0][0] == "200 OK" and b"inprofile_workers 1\n" in given[1]


@pytest.mark.parametrize("make", [answering, generating, writing])
@pytest.mark.parametrize("status", ["200 OK", "401 No", "302 Found", "500 Oops"])
def test_what_the_app_has_there_wins(recorded, make, status):
    with_line, without = (wsgi.asked(app, "/metrics") for app in (door(make(status)), make(status)))
    assert list(filter(None, with_line)) == list(filter(None, without))


def test_a_refusal_that_is_taken_back_wins(recorded):
    assert wsgi.asked(door(correcting), "/metrics")[0][0] == "200 OK"
    assert wsgi.asked(door(correcting), "/metrics")[1] == b"theirs"


@pytest.mark.parametrize("make", [answering, generating, writing])
@pytest.mark.parametrize("status", ["404 Not Found", "405 No", "422 Odd"])
def test_where_the_app_has_nothing_are_the_metrics_and_nothing_of_the_apps(recorded, make, status):
    given = wsgi.asked(door(make(status)), "/metrics")
    assert (len(given), is_ours(given)) == (2, True)
    assert dict(given[0][1])["content-length"] == str(len(given[1]))


def test_the_refusal_is_closed_once(recorded):
    log: list = []
    wsgi.asked(door(answering("404 No", log)), "/metrics")
    wsgi.asked(door(generating("404 No", log)), "/metrics")
    wsgi.asked(door(generating("200 OK", log)), "/metrics")
    assert (log[0].closed, log[1:]) == (1, ["closed", "closed"])


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", "BREW"])
def test_other_methods_are_requests_of_the_app(recorded, method):
    assert wsgi.asked(door(answering("404 No")), "/metrics", method)[1:] == [b"the", b"irs"]
    assert len(recorded.traces) == 1


@pytest.mark.parametrize("path", ["/", "/metrics/", "/x/metrics", "//metrics", ""])
def test_other_paths_are_requests_of_the_app(recorded, path):
    assert wsgi.asked(door(answering("404 No")), path)[1:] == [b"the", b"irs"]
    assert len(recorded.traces) == 1


def test_it_is_found_below_the_mount_and_in_any_alphabet(recorded):
    app = answering("404 No")
    assert is_ours(wsgi.asked(door(app), "/metrics", SCRIPT_NAME="/shop"))
    assert is_ours(wsgi.asked(door(app, "/m\u00e9"), "/m\u00e9"))


def test_a_scrape_is_no_request_of_the_app_and_has_the_format_that_is_accepted(recorded):
    app = door(answering("404 No"))
    wsgi.asked(app, "/elsewhere")
    accept = [("accept", ACCEPT[OPENMETRICS])]
    bodies = [wsgi.asked(app, "/metrics", headers=accept)[1] for _ in range(3)]
    assert [total(body, COUNT) for body in bodies] == [1, 1, 1]
    assert all(body.endswith(b"# EOF\n") for body in bodies)


def test_a_head_has_the_headers_of_a_get_and_no_body(recorded):
    (status, headers, _), body = wsgi.asked(door(answering("404 No")), "/metrics", "HEAD")
    assert (status, body) == ("200 OK", b"")
    assert int(dict(headers)["content-length"]) > 100


def test_an_app_that_fails_when_it_is_asked_fails_as_it_would_have(recorded):
    closed: list = []

    def broken(environ, start_response):
        try:
            yield b""
            raise RuntimeError("broken")
        finally:
            closed.append(1)

    assert wsgi.asked(door(broken), "/metrics") == ["RuntimeError('broken')"]
    assert closed == [1]


def test_metrics_that_cannot_be_written_are_our_error_and_not_the_apps(recorded, caplog):
    def broken(accept):
        raise ZeroDivisionError

    guard.errors = 0
    app = door(answering("404 No"))
    app.endpoint = WsgiEndpoint(broken)
    (status, _, _), body = wsgi.asked(app, "/metrics")
    errors, guard.errors = guard.errors, 0
    assert (status, errors) == ("500 Internal Server Error", 1)
    assert b"inprofile" in body
