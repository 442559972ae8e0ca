"""Serves the metrics at a path of the app's, where the app has nothing of its own."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

import anyio
import anyio.to_thread

from inprofile.core.guard import guard
from inprofile.exporters.serving.answer import METHODS, REFUSALS, Exposition, answer
from inprofile.exporters.serving.claim import Claim

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Answer = Callable[[App, Scope, Receive, Send], Awaitable[None]]


class Endpoint:
    """Answers a GET of the metrics path.

    ``exposition`` gives body and content type for an Accept header; it runs in a worker
    thread beside those of the app. What the user has at the path wins: a route, a page, a
    file. Where ``whose`` finds that nothing is there but a route that takes any path, we
    answer at once; where that cannot be seen the app is asked, and only its refusals are
    replaced.
    """

    def __init__(
        self, exposition: Exposition, whose: Callable[[Scope], Claim] | None = None
    ) -> None:
        self.exposition = exposition
        self.whose = whose
        self._threads: anyio.CapacityLimiter | None = None

    def __call__(self, scope: Scope) -> Answer | None:
        """What answers a request for our path; None where it is the user's."""
        whose = self._whose(scope)
        if whose is Claim.TAKEN:
            return None
        return self._answer if whose is Claim.FREE else self._ask

    def _whose(self, scope: Scope) -> Claim:
        if scope["method"] not in METHODS:
            return Claim.TAKEN
        if self.whose is not None:
            with guard:
                return self.whose(scope)
        return Claim.UNKNOWN

    async def _ask(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        refused = False

        async def unless_refused(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] in REFUSALS:
                refused = True
            if not refused:
                await send(message)

        await app(scope, receive, unless_refused)
        if refused:
            await self._answer(app, scope, receive, send)

    async def _answer(self, _app: App, scope: Scope, _receive: Receive, send: Send) -> None:
        # A limit of our own: an app that has used up its threads is when one needs to look.
        threads = self._threads = self._threads or anyio.CapacityLimiter(1)
        headers = scope["headers"]
        status, found, body = await anyio.to_thread.run_sync(
            answer,
            self.exposition,
            scope["method"],
            _header(headers, b"accept"),
            _header(headers, b"accept-encoding"),
            limiter=threads,
        )
        raw = [(name.encode(), value.encode()) for name, value in found]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        part = await anyio.to_thread.run_sync(next, body, None, limiter=threads)
        while part is not None:
            after = await anyio.to_thread.run_sync(next, body, None, limiter=threads)
            more = after is not None
            await send({"type": "http.response.body", "body": part, "more_body": more})
            part = after


def _header(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> str:
    found = (value for name, value in headers if name == wanted)
    return b",".join(found).decode("latin-1")
