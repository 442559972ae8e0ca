"""httpx: each request that is sent, redirects and authentication included."""

from typing import Any

from inprofile.core.model import Span
from inprofile.integrations._patch import Named, Patch, timed


def _request(request: Any) -> Named:
    method, host = request.method, request.url.host
    return f"{method} {host}", {"http.request.method": method, "server.address": host}


def _response(span: Span, response: Any) -> None:
    span.attributes = {
        **(span.attributes or {}),
        "http.response.status_code": response.status_code,
    }


_send = timed("http", _request, leaf=True, finished=_response)

PATCHES = {"httpx": (Patch("Client.send", _send), Patch("AsyncClient.send", _send))}
