"""urllib.request: each URL that is opened, redirects included, and bodies read after it."""

from typing import Any

from inprofile.core.model import Span
from inprofile.integrations._about import About
from inprofile.integrations._endpoint import asked, located
from inprofile.integrations._http import LEFT_OUT, answer, reading, remember, request_url, status
from inprofile.integrations._patch import Named, Patch, timed
from inprofile.integrations._propagation import headers
from inprofile.integrations._steps import prepared
from inprofile.integrations._together import pooled


def _opened(fullurl: Any, data: Any) -> Named | None:
    """Names a URL or a Request; of those only HTTP's."""
    url: Any = fullurl if issubclass(type(fullurl), str) else getattr(fullurl, "full_url", None)
    if not issubclass(type(url), str) or url[:4].lower() != "http":
        return None
    has_data = data is not None or getattr(fullurl, "data", None) is not None
    return request_url(getattr(fullurl, "method", None) or ("POST" if has_data else "GET"), url)


def _begun(span: Span, fullurl: Any, data: Any) -> None:
    is_text = issubclass(type(fullurl), str)
    url = fullurl if is_text else fullurl.full_url
    asked(span, *located(url), data if data is not None or is_text else fullurl.data, pooled)


def _response(span: Span, response: Any) -> None:
    status(span, response.status)
    remember(span, response)


def _propagate(span: Span, self: Any) -> None:
    """Behind the lines of a message that is about to be sent, if it was begun at all."""
    lines = self._buffer
    for line in lines:
        if line[:12].lower() == b"traceparent:":
            return
    if lines:
        lines.extend(f"{name}: {value}".encode() for name, value in headers(span))


ABOUT = About(
    "urllib.request",
    "stdlib",
    "`http`: each URL that is opened, redirects included, and reading its body",
    f"http.client used directly; other schemes than http and https; {LEFT_OUT}",
)

PATCHES = {
    "urllib.request": (
        Patch(
            "OpenerDirector.open",
            timed("http", _opened, leaf=True, begun=_begun, finished=_response),
        ),
    ),
    "http.client": (
        Patch("HTTPConnection.getresponse", answer),
        Patch("HTTPResponse.read", reading),
        Patch("HTTPResponse.read1", reading),
        Patch("HTTPResponse.readinto", reading),
        Patch("HTTPResponse.readline", reading),
        Patch("HTTPResponse.peek", reading),
    ),
}

# What urllib3 sends, and so requests and boto3, comes by here as well.
TRACING = {
    "http.client": (Patch("HTTPConnection.endheaders", prepared("http", _propagate)),),
}
