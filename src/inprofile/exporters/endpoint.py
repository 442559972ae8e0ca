"""Serves the metrics at a path of the app's, where the app has no route of its own."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import anyio.to_thread

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

NOT_FOUND = 404


class Endpoint:
    """Answers a GET of the metrics path.

    ``exposition`` gives body and content type for an Accept header; it runs in a worker
    thread. A route of the user's wins: where ``framework`` (a Starlette application) shows
    that none matches we answer at once; where that cannot be seen the app is asked, and only
    its 404 is replaced.
    """

    def __init__(self, exposition: Callable[[str], tuple[bytes, str]], framework: Any) -> None:
        self.exposition = exposition
        self.framework = framework

    async def __call__(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in {"GET", "HEAD"}:
            await app(scope, receive, send)
        elif self._is_free(scope):
            await self._answer(scope, send)
        else:
            await self._ask(app, scope, receive, send)

    def _is_free(self, scope: Scope) -> bool:
        """Whether no route matches, or only one that would take any path."""
        if self.framework is None:
            return False
        for route in self.framework.router.routes:
            match, _ = route.matches(dict(scope))
            if match.value:
                return ":path}" in getattr(route, "path", "")
        return True

    async def _ask(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        replaced = False

        async def unless_not_found(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start" and message["status"] == NOT_FOUND:
                replaced = True
            if not replaced:
                await send(message)

        await app(scope, receive, unless_not_found)
        if replaced:
            await self._answer(scope, send)

    async def _answer(self, scope: Scope, send: Send) -> None:
        accept = dict(scope.get("headers", ())).get(b"accept", b"").decode("latin-1")
        body, content_type = await anyio.to_thread.run_sync(self.exposition, accept)
        headers = [
            (b"content-type", content_type.encode()),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send(
            {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body}
        )
