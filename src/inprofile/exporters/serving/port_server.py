"""The HTTP of the metrics' own port."""

import socket
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from itertools import chain
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, Protocol

from inprofile.core.guard import guard
from inprofile.exporters.serving.answer import METHODS, Answer

CLIENT_S = 10.0
"""For so long a client may say nothing, or take nothing of what it asked for."""

Headers = list[tuple[str, str]]


class Answers(Protocol):
    """What knows the metrics, and at which path they are."""

    path: str

    def answer(self, method: str, accept: str, encoding: str) -> Answer | None:
        """The answer to a request of one of METHODS; None once there is none any more."""


class PortServer(ThreadingMixIn, TCPServer):
    """Listens at once. Raises OSError where it cannot."""

    allow_reuse_address = True
    daemon_threads = True
    timeout = 0
    request_queue_size = 64

    def __init__(self, host: str, port: int, answers: Answers) -> None:
        self.answers = answers
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.address_family, _, _, _, address = found[0]
        super().__init__(address, _Client)  # type: ignore[arg-type] # the stub knows no IPv6

    def handle_error(self, *_about: object) -> None:
        """A client that is gone is nobody's error; what else there is, is ours."""
        error = sys.exc_info()[1]
        if isinstance(error, Exception) and not isinstance(error, OSError):
            guard.caught(error)


class _Client(BaseHTTPRequestHandler):
    """One request of one client; each has a connection of its own."""

    protocol_version = "HTTP/1.1"
    timeout = CLIENT_S
    server: PortServer

    def do_GET(self) -> None:
        answers = self.server.answers
        if self.path.partition("?")[0] != answers.path:
            self._say(404, [("content-type", "text/plain")], f"See {answers.path}\n".encode())
            return
        accept, encoding = (
            ",".join(self.headers.get_all(name, [])) for name in ("accept", "accept-encoding")
        )
        found = answers.answer(self.command, accept, encoding)
        if found is None:
            self._say(503, [], b"")
        else:
            self._send(found)

    do_HEAD = do_GET  # noqa: N815 - as http.server calls it

    def __getattr__(self, name: str) -> Any:
        """What answers a method that is not ours."""
        if name.startswith("do_"):
            return lambda: self._say(405, [("allow", ", ".join(sorted(METHODS)))], b"")
        raise AttributeError(name)

    def _say(self, status: int, headers: Headers, body: bytes) -> None:
        self._begin(status, [*headers, ("content-length", str(len(body)))])
        if self.command != "HEAD":
            self.wfile.write(body)

    def _begin(self, status: int, headers: Headers) -> None:
        self.close_connection = True
        self.send_response(status, HTTPStatus(status).phrase)
        for name, value in [*headers, ("connection", "close")]:
            self.send_header(name, value)
        self.end_headers()

    def _send(self, found: Answer) -> None:
        """In chunks unless its length is known: a client is to see where it is cut off.

        Who knows no chunks (HTTP/1.0) is given all at once.
        """
        status, headers, body = found
        if "content-length" in dict(headers):
            self._begin(status, headers)
            self.wfile.writelines(body)
        elif self.request_version == "HTTP/1.0" or self.command == "HEAD":
            self._say(status, headers, b"".join(body))
        else:
            self._begin(status, [*headers, ("transfer-encoding", "chunked")])
            for part in chain(filter(None, body), [b""]):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))

    def log_message(self, *_about: object) -> None:
        """Write nothing: who asks is nobody's business."""
