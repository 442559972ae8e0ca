"""aiohttp's client: each request, redirects included, and bodies read after it."""

from typing import Any

from inprofile.core.model import Span
from inprofile.integrations._about import About
from inprofile.integrations._endpoint import asked, authority, located
from inprofile.integrations._http import (
    LEFT_OUT,
    answer,
    connecting,
    connection_wait,
    reading,
    remember,
    request,
    request_url,
    status,
)
from inprofile.integrations._patch import Named, Patch, timed
from inprofile.integrations._plain import body, query
from inprofile.integrations._propagation import headers
from inprofile.integrations._steps import prepared
from inprofile.integrations._together import gathered


def _request(self: Any, method: Any, str_or_url: Any) -> Named:
    base = getattr(self, "_base_url", None)
    is_text = issubclass(type(str_or_url), str)
    if is_text:
        named = request_url(method, str_or_url)
    else:
        named = request(
            method, getattr(str_or_url, "raw_host", None), getattr(str_or_url, "raw_path", None)
        )
    if base is None or (named[1] or {})["server.address"]:
        return named
    path = str_or_url if is_text else getattr(str_or_url, "raw_path", None)
    if type(path) is str and not path.startswith("/"):
        path = base.raw_path.rpartition("/")[0] + "/" + path
    return request(method, base.raw_host, path)


def _begun(span: Span, self: Any, str_or_url: Any, params: Any, data: Any, json: Any) -> None:
    where, target = _where(self, str_or_url)
    if params is not None:
        target += ("&" if "?" in target else "?") + query(params)
    content = data if type(data) in {str, bytes} else body(json if data is None else data)
    asked(span, where, target, content, gathered)


def _where(self: Any, url: Any) -> tuple[str, str]:
    """The authority and the target of a URL, which a session may have the beginning of."""
    base = getattr(self, "_base_url", None)
    if issubclass(type(url), str):
        where, target = located(url)
    else:
        host = getattr(url, "raw_host", None)
        where = "" if host is None else authority(url.scheme, host, url.port)
        target = getattr(url, "raw_path_qs", "")
    if where or base is None:
        return where, target
    if not target.startswith("/"):
        target = base.raw_path.rpartition("/")[0] + "/" + target
    return authority(base.scheme, base.raw_host, base.port), target


def _response(span: Span, response: Any) -> None:
    status(span, response.status)
    remember(span, response.content, response)


def _propagate(span: Span, self: Any) -> None:
    """Into the headers of one message, which aiohttp has made from the session's and the user's."""
    if "traceparent" not in self.headers:
        self.headers.extend(headers(span))


ABOUT = About(
    "aiohttp (client)",
    ">=3.11",
    "`http`: each request, redirects included, and waiting for its body",
    f"messages of websockets; {LEFT_OUT}",
)

PATCHES = {
    "aiohttp.client": (
        Patch(
            "ClientSession._request",
            timed("http", _request, leaf=True, begun=_begun, finished=_response),
        ),
    ),
    "aiohttp.client_reqrep": (Patch("ClientResponse.start", answer),),
    "aiohttp.connector": (
        Patch("BaseConnector._wait_for_available_connection", connection_wait),
        Patch("TCPConnector._create_connection", connecting),
        Patch("UnixConnector._create_connection", connecting),
    ),
    "aiohttp.streams": (Patch("StreamReader._wait", reading),),
}

TRACING = {
    "aiohttp.client_reqrep": (Patch("ClientRequest.send", prepared("http", _propagate)),),
}
