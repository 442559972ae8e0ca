"""Asks an ASGI application from inside an event loop of its own: no socket, client or server."""

import asyncio
import time
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

REQUEST = {"type": "http.request", "body": b"", "more_body": False}
HEADERS = (
    (b"host", b"127.0.0.1:8000"),
    (b"user-agent", b"benchmark"),
    (b"accept", b"*/*"),
    (b"accept-encoding", b"gzip, deflate"),
    (b"connection", b"keep-alive"),
)


class Batch(NamedTuple):
    """How long some requests took, one after the other: by the wall and by the process's CPUs."""

    requests: int
    wall_ns: int
    cpu_ns: int


class Driver:
    """Sends GET requests for one path, each awaited to its end before the next.

    The scope is what uvicorn would make. What the driver itself costs (1 to 2 microseconds
    a request) is the same for every variant and cancels out in differences. The loop is that of
    ``runner``, and lasts as long as the driver.
    """

    def __init__(self, app: App, path: str, runner: asyncio.Runner | None = None) -> None:
        self.app = app
        self.requests = 0
        self._runner = asyncio.Runner() if runner is None else runner
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8000),
            "client": ("127.0.0.1", 50000),
            "scheme": "http",
            "method": "GET",
            "root_path": "",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
        }

    def batch(self, requests: int) -> Batch:
        """Time ``requests`` requests."""
        return self._runner.run(self._batch(requests))

    def answer(self) -> int:
        """Send one request and return a checksum of its response, which must be a whole 200."""
        return self._runner.run(self._answer())

    def close(self) -> None:
        """Close the loop."""
        self._runner.close()

    async def _request(self, send: Send) -> None:
        self.requests += 1
        asked = False

        async def receive() -> Message:
            nonlocal asked
            if asked:  # a client that waits for its response and does not go away
                await asyncio.get_running_loop().create_future()
            asked = True
            return REQUEST

        await self.app(self.scope | {"headers": list(HEADERS), "state": {}}, receive, send)

    async def _batch(self, requests: int) -> Batch:
        request = self._request
        cpu_ns = time.process_time_ns()
        start_ns = time.perf_counter_ns()
        for _ in range(requests):
            await request(ignore)
        wall_ns = time.perf_counter_ns() - start_ns
        return Batch(requests, wall_ns, time.process_time_ns() - cpu_ns)

    async def _answer(self) -> int:
        status, checksum, whole = 0, 0, False

        async def send(message: Message) -> None:
            nonlocal status, checksum, whole
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                checksum = zlib.crc32(message.get("body", b""), checksum)
                whole = not message.get("more_body", False)

        await self._request(send)
        if status != 200 or not whole:
            message = f"GET {self.scope['path']} gave {status}, whole: {whole}"
            raise RuntimeError(message)
        return checksum


async def ignore(message: Message) -> None:
    """Take a part of a response as the fastest of all clients."""
