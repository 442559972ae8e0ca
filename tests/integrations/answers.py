"""An HTTP server on this machine that answers by path, and counts what it was asked."""

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAUSE_S = 0.02
"""How long the server waits before the second part of a slow body."""

asked: list[str] = []
"""The requests that arrived: method and path."""


class Answers(BaseHTTPRequestHandler):
    """What the tests ask for, by path."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.partition("?")[0]
        asked.append(f"{self.command} {path}")
        if path == "/private" and "authorization" not in self.headers:
            self.answer(401, **{"www-authenticate": 'Basic realm="x"'})
        else:
            PATHS.get(path, hello)(self)

    do_HEAD = do_DELETE = do_GET  # noqa: N815 - http.server's names

    def do_POST(self):
        asked.append(f"{self.command} {self.path}")
        self.answer(201, self.rfile.read(int(self.headers["content-length"])))

    do_PUT = do_POST  # noqa: N815

    def head(self, status, length, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(length))
        self.end_headers()

    def answer(self, status, body=b"", **headers):
        self.head(status, len(body), **headers)
        if self.command != "HEAD":
            self.wfile.write(body)

    def parts(self, pause_s, *parts, coding="identity"):
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.send_header("content-encoding", coding)
        self.end_headers()
        for part in parts or (b"one", b"two"):
            time.sleep(pause_s)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def date_time_string(self, timestamp=None):
        return "Thu, 01 Jan 1970 00:00:00 GMT"

    def log_message(self, *_):
        pass


def hello(server):
    server.answer(200, b"hello")


def slow(server):
    time.sleep(0.03)
    server.answer(200, b"slow")


def slow_body(server):
    server.head(200, 6)
    for part in (b"one", b"two"):
        time.sleep(PAUSE_S)
        server.wfile.write(part)


def cut(server):
    server.head(200, 100)
    server.wfile.write(b"one")
    server.close_connection = True


def broken(server):
    server.close_connection = True


PATHS = {
    "/redirect": lambda server: server.answer(302, location="/hello"),
    "/loop": lambda server: server.answer(302, location="/loop"),
    "/cookie": lambda server: server.answer(200, b"cookie", **{"set-cookie": "a=b"}),
    "/404": lambda server: server.answer(404, b"hello"),
    "/503": lambda server: server.answer(503, b"hello"),
    "/big": lambda server: server.answer(200, b"x" * 10_000_000),
    "/parts": lambda server: server.parts(0),
    "/slow-parts": lambda server: server.parts(PAUSE_S),
    "/gzip-parts": lambda server: server.parts(0, gzip.compress(b"onetwo", mtime=0), coding="gzip"),
    "/slow": slow,
    "/slow-body": slow_body,
    "/bucket/slow-body": slow_body,
    "/bucket/404": lambda server: server.answer(404),
    "/cut": cut,
    "/broken": broken,
}


class Quiet(ThreadingHTTPServer):
    """A server that does not print what it thinks of a client that went away."""

    def handle_error(self, request, client_address):
        pass


@contextmanager
def answers() -> Iterator[str]:
    """Serve for as long as the block lasts; the URL without a path."""
    with Quiet(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def nobody() -> str:
    """The URL of an address at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
