"""urllib3: each call, its retries and redirects included, and bodies read after it.

What requests and boto3 send comes by here; requests has its own span above it. The heads of
answers are noted in http.client, which is below.
"""

from typing import Any

from inprofile.core.model import Span
from inprofile.integrations._about import About
from inprofile.integrations._http import (
    LEFT_OUT,
    connecting,
    connection_wait,
    reading,
    remember,
    request,
    request_url,
    status,
)
from inprofile.integrations._patch import Named, Patch, timed


def _from_pool(self: Any, method: Any, url: Any) -> Named:
    """Names a call of one host's pool; through a proxy it is given the whole URL."""
    if issubclass(type(url), str) and not url.startswith("/"):
        return request_url(method, url)
    return request(method, self.host, url)


def _answered(span: Span, response: Any) -> None:
    status(span, response.status)
    remember(span, response)


ABOUT = About(
    "urllib3",
    ">=2.2",
    "`http`: each call (boto3's too), retries and redirects included, and reading its body",
    LEFT_OUT,
)

PATCHES = {
    "urllib3.poolmanager": (
        Patch("PoolManager.urlopen", timed("http", request_url, leaf=True, finished=_answered)),
    ),
    "urllib3.connectionpool": (
        Patch(
            "HTTPConnectionPool.urlopen", timed("http", _from_pool, leaf=True, finished=_answered)
        ),
        Patch("HTTPConnectionPool._get_conn", connection_wait),
    ),
    "urllib3.connection": (
        Patch("HTTPConnection.connect", connecting),
        Patch("HTTPSConnection.connect", connecting),
    ),
    "urllib3.response": (
        Patch("HTTPResponse.read", reading),
        Patch("HTTPResponse.read1", reading),
        Patch("HTTPResponse._update_chunk_length", reading),
        Patch("HTTPResponse._handle_chunk", reading),
        Patch("HTTPResponse._decode", reading),
    ),
}
