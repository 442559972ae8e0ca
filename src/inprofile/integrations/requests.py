"""requests: each request that is sent, redirects included, and bodies read after it."""

from typing import Any

from inprofile.core.model import Span
from inprofile.integrations._about import About
from inprofile.integrations._endpoint import asked, located
from inprofile.integrations._http import LEFT_OUT, remember, request_url, status
from inprofile.integrations._patch import Named, Patch, timed
from inprofile.integrations._together import pooled


def _request(request: Any) -> Named | None:
    url = getattr(request, "url", None)
    if not isinstance(url, str) or not url.startswith("http"):
        return None  # an adapter for files or the like
    return request_url(getattr(request, "method", None), url)


def _begun(span: Span, request: Any) -> None:
    asked(span, *located(request.url), request.body, pooled)


def _response(span: Span, response: Any) -> None:
    status(span, response.status_code)
    if response.raw is not None:
        remember(span, response.raw)


ABOUT = About(
    "requests",
    ">=2.32",
    "`http`: each request, redirects included, and reading its body",
    LEFT_OUT,
)

PATCHES = {
    "requests.sessions": (
        Patch(
            "Session.send",
            timed("http", _request, leaf=True, begun=_begun, finished=_response),
        ),
    ),
}
