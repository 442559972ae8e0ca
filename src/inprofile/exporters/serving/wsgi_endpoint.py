"""Serves the metrics at a path of a WSGI app's, where the app has nothing of its own."""

from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from itertools import chain
from typing import Any

from inprofile.core.guard import guard
from inprofile.exporters.serving.answer import METHODS, REFUSALS, Exposition, answer
from inprofile.exporters.serving.claim import Claim

Environ = dict[str, Any]
Write = Callable[[bytes], object]
StartResponse = Callable[..., Write]
App = Callable[[Environ, StartResponse], Iterable[bytes]]
Answer = Callable[[App, Environ, StartResponse], Iterable[bytes]]


class WsgiEndpoint:
    """Answers a GET of the metrics path.

    ``exposition`` gives body and content type for an Accept header. What the user has at the
    path wins. Where ``whose`` finds that nothing is there we answer at once; else the app is
    asked, and only its refusals are replaced.
    """

    def __init__(
        self, exposition: Exposition, whose: Callable[[Environ], Claim] | None = None
    ) -> None:
        self.exposition = exposition
        self.whose = whose

    def __call__(self, environ: Environ) -> Answer | None:
        """What answers a request for our path; None where it is the user's."""
        whose = self._whose(environ)
        if whose is Claim.TAKEN:
            return None
        return self._answer if whose is Claim.FREE else self._ask

    def _whose(self, environ: Environ) -> Claim:
        if environ.get("REQUEST_METHOD") not in METHODS:
            return Claim.TAKEN
        if self.whose is not None:
            with guard:
                return self.whose(environ)
        return Claim.UNKNOWN

    def _ask(self, app: App, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        asked = _Asked(start_response)
        result = asked.begun(app(environ, asked.start_response))
        if not asked.refused:
            return result
        _close(result)
        return self._answer(app, environ, start_response)

    def _answer(
        self, _app: App, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        status, headers, body = answer(
            self.exposition,
            environ["REQUEST_METHOD"],
            environ.get("HTTP_ACCEPT", ""),
            environ.get("HTTP_ACCEPT_ENCODING", ""),
        )
        start_response(f"{status} {HTTPStatus(status).phrase}", headers)
        return body


class _Asked:
    """Lets what an app says through to the server unless it is a refusal."""

    def __init__(self, start_response: StartResponse) -> None:
        self._start = start_response
        self.started = self.refused = False

    def start_response(self, status: str, *more: Any, **named: Any) -> Write:
        self.started = True
        self.refused = status[:3] in {str(refusal) for refusal in REFUSALS}
        return _ignore if self.refused else self._start(status, *more, **named)

    def begun(self, result: Iterable[bytes]) -> Iterable[bytes]:
        """The same body, of an app that has said its status: a generator says it when it runs."""
        if self.started:
            return result
        taken: list[bytes] = []
        try:
            rest = iter(result)
            for chunk in rest:
                taken.append(chunk)
                if self.started:
                    break
        except BaseException:
            _close(result)
            raise
        return _Resumed(taken, rest, result)


class _Resumed:
    """A body of which some parts were taken already."""

    def __init__(self, taken: list[bytes], rest: Iterator[bytes], result: Iterable[bytes]) -> None:
        self._chunks = chain(taken, rest)
        self._result = result

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def close(self) -> None:
        _close(self._result)


def _ignore(_data: bytes) -> None:
    """Take the place of write() for the body of a refusal."""


def _close(result: Any) -> None:
    close = getattr(result, "close", None)
    if close is not None:
        close()
