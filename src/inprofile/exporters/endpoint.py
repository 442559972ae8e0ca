"""Serves the metrics at a path of the app's, where the app has nothing of its own."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import anyio
import anyio.to_thread

from inprofile.core.guard import guard
from inprofile.exporters.claim import Claim, claim

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Answer = Callable[[App, Scope, Receive, Send], Awaitable[None]]

METHODS = frozenset({"GET", "HEAD"})
REFUSALS = frozenset({404, 405, 422})
"""What an app says where it has nothing: not found, not for reading, no such number."""


class Endpoint:
    """Answers a GET of the metrics path.

    ``exposition`` gives body and content type for an Accept header; it runs in a worker
    thread beside those of the app. What the user has at the path wins: a route, a page, a
    file. Where ``framework`` (a Starlette application) shows that nothing is there but a route
    that takes any path, we answer at once; where that cannot be seen the app is asked, and
    only its refusals are replaced.
    """

    def __init__(self, exposition: Callable[[str], tuple[bytes, str]], framework: Any) -> None:
        self.exposition = exposition
        self.framework = framework
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
        if self.framework is not None:
            with guard:
                return claim(self.framework.router.routes, scope)
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
        status, (body, content_type) = await self._written(scope)
        headers = [
            (b"content-type", content_type.encode()),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send(
            {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body}
        )

    async def _written(self, scope: Scope) -> tuple[int, tuple[bytes, str]]:
        """Status, body and content type."""
        # A limit of our own: an app that has used up its threads is when one needs to look.
        threads = self._threads = self._threads or anyio.CapacityLimiter(1)
        accepted = [value for name, value in scope["headers"] if name == b"accept"]
        accept = b",".join(accepted).decode("latin-1")
        with guard:
            return 200, await anyio.to_thread.run_sync(self.exposition, accept, limiter=threads)
        return 500, (b"inprofile could not write the metrics; the log says why.\n", "text/plain")
