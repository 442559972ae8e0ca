"""Real WSGI servers: the same responses, files sent as files, and exact counts under load."""

import io
import re
import socket
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.validate import validator

import httpx
import pytest

import inprofile
from inprofile.testing import record
from tests import child
from tests.exporters.exposed import values
from tests.load.bare import FILE, bare

COUNT = "http_server_request_duration_seconds_count"
SYNC = ("--worker-class", "sync", "--workers", "2")
GTHREAD = ("--worker-class", "gthread", "--workers", "1", "--threads", "8")
PATHS = ("/list", "/two", "/generator", "/write", "/file", "/empty", "/broken", "/nowhere")
VARIES = re.compile(r"(?i)date: .*")


def gunicorn(app, *options):
    return (
        *("gunicorn", f"tests.load.wsgi_shop:{app}", "--bind", "127.0.0.1:{port}"),
        *("--log-level", "critical", *options),
    )


class Silent(WSGIRequestHandler):
    def log_message(self, *args):
        """Say nothing."""

    def get_stderr(self):
        return io.StringIO()


@contextmanager
def simple_server(app):
    """The application under wsgiref's server, and its port."""
    with make_server("127.0.0.1", 0, app, handler_class=Silent) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def raw(port, path, method="GET"):
    """All bytes of the response but the date, as they come over the wire."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(
            f"{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode()
        )
        parts = list(iter(lambda: connection.recv(65_536), b""))
    return VARIES.sub("", b"".join(parts).decode())


def port_of(server):
    return int(server.url.rpartition(":")[2])


def test_under_wsgiref_every_byte_is_the_same_with_and_without_the_line():
    door = inprofile.instrument(bare)
    asked = [(path, method) for path in PATHS for method in ("GET", "HEAD")]
    with simple_server(bare) as port:
        without = [raw(port, path, method) for path, method in asked]
    with record() as recorded, simple_server(door) as port:
        with_line = [raw(port, path, method) for path, method in asked]
    assert with_line == without
    assert "Content-Length: 31" in with_line[0]  # from the length of the list
    assert [(trace.path, trace.method) for trace in recorded.traces] == asked
    assert {trace.path: trace.error for trace in recorded.traces if trace.error} == {
        "/broken": "RuntimeError"
    }


def test_what_the_server_and_the_app_see_keeps_to_the_specification():
    """wsgiref's validator stands on both sides of the door."""
    checked = validator(bare)

    def app(environ, start_response):  # the validator's own would take anything
        return checked(environ, start_response)

    door = inprofile.instrument(app)
    with record() as recorded, simple_server(validator(door)) as port:
        answers = [raw(port, path) for path in ("/list", "/two", "/generator", "/empty", "/write")]
    assert [answer.split("\r\n")[0] for answer in answers] == [
        *["HTTP/1.0 200 OK"] * 3,
        "HTTP/1.0 204 No Content",
        "HTTP/1.0 200 OK",
    ]
    assert [trace.error for trace in recorded.traces] == [None] * 5


@pytest.mark.parametrize("workers", [SYNC, GTHREAD], ids=["sync", "gthread"])
def test_under_gunicorn_every_byte_is_the_same_with_and_without_the_line(serve, workers):
    answers = []
    for app in ("bare", "measured"):
        server = serve(*gunicorn(app, *workers), path="/list")
        answers.append([raw(port_of(server), path) for path in PATHS])
    assert answers[0] == answers[1]
    assert "8\r\nwritten \r\nC\r\nand returned\r\n0" in answers[0][3]
    assert Path(FILE).read_text() in answers[0][4].replace("\r\n", "\n")


@pytest.mark.parametrize("workers", [SYNC, GTHREAD], ids=["sync", "gthread"])
def test_gunicorn_sends_a_file_of_flasks_without_reading_it(serve, workers):
    server = serve(*gunicorn("app", "--workers", "1", *workers[:2]))
    found = httpx.get(f"{server.url}/file")
    assert found.content == Path(FILE).read_bytes()
    assert httpx.get(f"{server.url}/sent").json() == [True]


def counted(server):
    """Requests by route, status and error, as any worker says."""
    text = httpx.get(f"{server.url}/metrics").raise_for_status().content
    return {
        (
            labels["http_route"],
            labels["http_response_status_code"],
            labels.get("error_type", ""),
        ): number
        for labels, number in values(text, COUNT)
    }


def active(server):
    text = httpx.get(f"{server.url}/metrics").raise_for_status().content
    return {number for _, number in values(text, "http_server_active_requests")}


def settles(read, server, wanted):
    """What is read once it is as wanted: a client has its last byte before the server knows."""
    found = None
    for _ in range(100):
        found = read(server)
        if found == wanted:
            break
    return found


@pytest.mark.parametrize("workers", [SYNC, GTHREAD], ids=["sync", "gthread"])
def test_every_request_is_counted_once_whichever_thread_or_worker_answers(serve, workers):
    server = serve(*gunicorn("app", *workers))

    def ask(number):
        with httpx.Client(timeout=30) as client:
            paths = [f"/orders/{number * 50 + turn}" for turn in range(50)]
            statuses = [client.get(f"{server.url}{path}").status_code for path in paths]
            statuses.append(client.get(f"{server.url}/nowhere/{number}").status_code)
        return statuses

    with ThreadPoolExecutor(8) as threads:
        statuses = Counter(chain.from_iterable(threads.map(ask, range(8))))
    assert statuses == {200: 400, 404: 8}
    wanted = {
        ("/pid", "200", ""): 1,
        ("/orders/<int:pk>", "200", ""): 400,
        ("_UNMATCHED", "404", ""): 8,
    }
    assert settles(counted, server, wanted) == wanted
    assert settles(active, server, {0}) == {0}


@pytest.mark.parametrize("workers", [SYNC, GTHREAD], ids=["sync", "gthread"])
def test_a_client_that_goes_and_a_stream_that_breaks_are_counted_as_such(serve, workers):
    server = serve(*gunicorn("app", *workers))
    with httpx.stream("GET", f"{server.url}/endless") as response:
        assert len(next(response.iter_raw())) > 0
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{server.url}/broken")
    wanted = {
        ("/pid", "200", ""): 1,
        ("/endless", "200", "ClientDisconnect"): 1,
        ("/broken", "200", "RuntimeError"): 1,
    }
    assert settles(counted, server, wanted) == wanted
    assert settles(active, server, {0}) == {0}


STREAM = """
import gc, json, resource
from pathlib import Path
import inprofile
from inprofile import process
from tests import wsgi

def app(environ, start_response):
    start_response("200 OK", [])
    for number in range(400_001):
        with inprofile.span("row", kind="db"):
            pass
        yield b"row"

def rss():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

seen = []
body = inprofile.instrument(app, sample_rate=1)(wsgi.environ(), lambda status, headers: None)
for number, _ in enumerate(body):
    if number % 100_000 == 0:
        seen.append(rss())
body.close()
print(json.dumps([seen, inprofile.status()["errors"]]))
"""


def test_a_long_stream_leaves_the_memory_flat(tmp_path):
    places = {"PYTHONPATH": Path(__file__).parents[2], "INPROFILE_DIR": tmp_path / "groups"}
    seen, errors = child.run(STREAM, **places)
    print(f"RSS after each 100,000 parts: {[f'{rss / 1e6:.1f} MB' for rss in seen]}")
    assert seen[-1] - seen[1] < 500_000
    assert errors == 0
