"""An HTTP server on this machine that keeps every byte of what it was asked."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer

REDIRECT = b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /hello\r\ncontent-length: 0\r\n\r\n"
HELLO = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
EMPTY = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"


class _Answer(StreamRequestHandler):
    server: "Wire"

    def handle(self):
        while head := self.read():
            self.server.asked.append(head)
            method, path, _ = head.split(b" ", 2)
            if method == b"PUT":
                self.wfile.write(EMPTY)
            elif path == b"/busy" and not self.server.was_busy:
                self.server.was_busy = True
                self.wfile.write(BUSY)
            else:
                self.wfile.write(REDIRECT if path == b"/redirect" else HELLO)

    def read(self):
        """A whole request; nothing when the client has gone."""
        asked = b""
        length = 0
        while line := self.rfile.readline():
            asked += line
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
            if line == b"\r\n":
                if b"expect: 100-continue" in asked.lower():
                    self.wfile.write(CONTINUE)
                is_chunked = b"transfer-encoding: chunked" in asked.lower()
                return asked + (self.chunks() if is_chunked else self.rfile.read(length))
        return b""

    def chunks(self):
        body = b""
        while line := self.rfile.readline():
            body += line + self.rfile.read(int(line, 16) + 2)
            if line == b"0\r\n":
                break
        return body


class Wire(ThreadingTCPServer):
    """``asked`` has the requests as they came; /redirect leads to /hello, /busy is so at first."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.asked: list[bytes] = []
        self.was_busy = False
        self.connections: list[socket.socket] = []

    def get_request(self):
        connection, address = super().get_request()
        self.connections.append(connection)
        return connection, address

    def hang_up(self) -> None:
        """For clients that keep their connections."""
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def url(self) -> str:
        """Where it is, without a path."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def take(self) -> list[bytes]:
        """What was asked since the last time."""
        asked, self.asked, self.was_busy = self.asked, [], False
        return asked


@contextmanager
def wire() -> Iterator[Wire]:
    """Serve for as long as the block lasts."""
    with Wire() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            server.hang_up()
            thread.join()


def told(request: bytes, name: str) -> list[str]:
    """The values of a header of a request."""
    head = request.partition(b"\r\n\r\n")[0].decode("latin-1")
    lines = [line.partition(": ") for line in head.split("\r\n")[1:]]
    return [value for key, _, value in lines if key.lower() == name]


def without(request: bytes, *names: str) -> bytes:
    """A request as if it had no such headers."""
    head, end, body = request.partition(b"\r\n\r\n")
    lines = [
        line
        for line in head.split(b"\r\n")
        if line.partition(b":")[0].decode("latin-1").lower() not in names
    ]
    return b"\r\n".join(lines) + end + body
