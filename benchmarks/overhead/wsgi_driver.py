"""Asks a WSGI application as its server would: no socket, no client, no server."""

import io
import sys
import time
import zlib
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.overhead.driver import Batch

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


class WsgiDriver:
    """Sends GET requests for one path, each to the end of its response before the next.

    The environment is what gunicorn would make.
    """

    def __init__(self, app: WsgiApp, path: str) -> None:
        self.app = app
        self.requests = 0
        self.environ = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "RAW_URI": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_PORT": "50000",
            "HTTP_HOST": "127.0.0.1:8000",
            "HTTP_USER_AGENT": "benchmark",
            "HTTP_ACCEPT": "*/*",
            "HTTP_ACCEPT_ENCODING": "gzip, deflate",
            "HTTP_CONNECTION": "keep-alive",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": False,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }

    def batch(self, requests: int) -> Batch:
        """Time ``requests`` requests."""
        request = self._request
        cpu_ns = time.process_time_ns()
        start_ns = time.perf_counter_ns()
        for _ in range(requests):
            request(ignore, ignore)
        wall_ns = time.perf_counter_ns() - start_ns
        return Batch(requests, wall_ns, time.process_time_ns() - cpu_ns)

    def answer(self) -> int:
        """Send one request and return a checksum of its response, which must be a whole 200."""
        statuses: list[str] = []
        parts: list[bytes] = []
        self._request(lambda status, *_: statuses.append(status), parts.append)
        if statuses != ["200 OK"]:
            message = f"GET {self.environ['PATH_INFO']} gave {statuses}"
            raise RuntimeError(message)
        return zlib.crc32(b"".join(parts))

    def close(self) -> None:
        """Nothing is held."""

    def _request(self, start_response: Callable[..., Any], write: Callable[[bytes], Any]) -> None:
        self.requests += 1
        response = self.app(self.environ | {"wsgi.input": io.BytesIO()}, start_response)
        try:
            for part in response:
                write(part)
        finally:
            close = getattr(response, "close", None)
            if close is not None:
                close()


def ignore(*_: object) -> None:
    """Take a part of a response as the fastest of all clients."""
