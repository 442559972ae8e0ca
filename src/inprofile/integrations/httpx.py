"""httpx: each request that is sent, redirects and authentication included, and its body."""

from collections.abc import AsyncIterator, Callable, Iterator
from functools import wraps
from typing import Any

from inprofile.core.model import Span
from inprofile.core.sites import Explain
from inprofile.integrations._about import About
from inprofile.integrations._endpoint import asked, authority
from inprofile.integrations._http import (
    LEFT_OUT,
    connecting,
    connection_wait,
    head,
    reading,
    remember,
    status,
)
from inprofile.integrations._http import request as request_to
from inprofile.integrations._patch import Named, Patch, timed
from inprofile.integrations._propagation import headers
from inprofile.integrations._signature import Function
from inprofile.integrations._steps import prepared
from inprofile.integrations._together import gathered, pooled

IN_PROCESS = frozenset({"ASGITransport", "WSGITransport", "_TestClientTransport"})
"""Transports that call an application instead of sending anything."""

END = object()
"""What stands for a chunk after the last."""


def _named(request: Any) -> Named | None:
    url = getattr(request, "url", None)
    return None if url is None else request_to(request.method, url.host, url.path)


def _stays_inside(transport: Any) -> bool:
    """Whether what is sent never leaves the process: a test asks its own application."""
    return any(one.__name__ in IN_PROCESS for one in type(transport).__mro__)


def _begun(explain: Explain) -> Callable[..., None]:
    def begun(span: Span, self: Any, request: Any) -> None:
        if _stays_inside(self._transport):
            return
        url = request.url
        asked(
            span,
            authority(url.scheme, url.host, url.port),
            url.raw_path.decode("ascii", "replace"),
            request.__dict__.get("_content"),
            explain,
        )

    return begun


def _response(span: Span, response: Any) -> None:
    status(span, response.status_code)
    if not response.is_closed:
        remember(span, response)


@reading
def _next_chunk(self: Any, chunks: Iterator[Any]) -> Any:
    return next(chunks, END)


@reading
async def _next_chunk_later(self: Any, chunks: AsyncIterator[Any]) -> Any:
    return await anext(chunks, END)


def _chunks(original: Function) -> Function:
    """For generators of a body: the time until each chunk is there."""

    @wraps(original)
    def chunks(self: Any, chunk_size: int | None = None) -> Iterator[Any]:
        made = original(self, chunk_size)
        try:
            while (chunk := _next_chunk(self, made)) is not END:
                yield chunk
        finally:
            made.close()

    return chunks


def _chunks_later(original: Function) -> Function:
    @wraps(original)
    async def chunks(self: Any, chunk_size: int | None = None) -> AsyncIterator[Any]:
        made = original(self, chunk_size)
        try:
            while (chunk := await _next_chunk_later(self, made)) is not END:
                yield chunk
        finally:
            await made.aclose()

    return chunks


def _propagate(span: Span, request: Any) -> None:
    """Into httpcore's request, whose list of headers httpcore has made."""
    for name, _ in request.headers:
        if name.lower() == b"traceparent":
            return
    request.headers.extend((name.encode(), value.encode()) for name, value in headers(span))


_sent = prepared("http", _propagate)
_send = timed("http", _named, leaf=True, begun=_begun(pooled), finished=_response)
_send_later = timed("http", _named, leaf=True, begun=_begun(gathered), finished=_response)

ABOUT = About(
    "httpx",
    ">=0.27",
    "`http`: each request, redirects and authentication included, and reading its body",
    LEFT_OUT,
)

PATCHES = {
    "httpx": (
        Patch("Client.send", _send),
        Patch("AsyncClient.send", _send_later),
        Patch("Client._send_single_request", head),
        Patch("AsyncClient._send_single_request", head),
        Patch("Response.read", reading),
        Patch("Response.aread", reading),
        Patch("Response.iter_bytes", _chunks),
        Patch("Response.aiter_bytes", _chunks_later),
        Patch("Response.iter_raw", _chunks),
        Patch("Response.aiter_raw", _chunks_later),
    ),
    "httpcore._sync.connection_pool": (
        Patch("PoolRequest.wait_for_connection", connection_wait, optional=True),
    ),
    "httpcore._async.connection_pool": (
        Patch("AsyncPoolRequest.wait_for_connection", connection_wait, optional=True),
    ),
    "httpcore._sync.connection": (Patch("HTTPConnection._connect", connecting, optional=True),),
    "httpcore._async.connection": (
        Patch("AsyncHTTPConnection._connect", connecting, optional=True),
    ),
}

TRACING = {
    "httpcore._sync.connection_pool": (Patch("ConnectionPool.handle_request", _sent),),
    "httpcore._async.connection_pool": (Patch("AsyncConnectionPool.handle_async_request", _sent),),
}
