"""urllib3: each call, its retries and redirects included, and bodies read after it.

What requests and boto3 send comes by here; requests has its own span above it. The heads of
answers are noted in http.client, which is below.
"""

from typing import Any

from inprofile.core.model import Span
from inprofile.integrations._about import About
from inprofile.integrations._endpoint import asked, authority, located
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
from inprofile.integrations._together import pooled

ACTION = "X-Amz-Target"

KNOWN_HEADERS = frozenset({"builtins", "urllib3._collections", "botocore.compat", "http.client"})
"""Modules of the mappings of headers that may be asked."""


def _from_pool(self: Any, method: Any, url: Any) -> Named:
    """Names a call of one host's pool; through a proxy it is given the whole URL."""
    if issubclass(type(url), str) and not url.startswith("/"):
        return request_url(method, url)
    return request(method, self.host, url)


def _begun(span: Span, url: Any, kw: Any) -> None:
    asked(span, *located(url), kw.get("body"), pooled)


def _begun_from_pool(span: Span, self: Any, url: Any, body: Any, headers: Any) -> None:
    if type(url) is not str:
        return
    if url.startswith("/"):
        where = authority(self.scheme, self.host, self.port), url
    else:
        where = located(url)
    asked(span, *where, body, pooled, _action(headers))


def _action(headers: Any) -> str:
    """What AWS is asked for, which has one path for all."""
    found = headers.get(ACTION) if type(headers).__module__ in KNOWN_HEADERS else None
    if type(found) is bytes:
        found = found.decode("ascii", "replace")
    return found if type(found) is str else ""


def _answered(span: Span, response: Any) -> None:
    status(span, response.status)
    remember(span, response)


_call = timed("http", request_url, leaf=True, begun=_begun, finished=_answered)
_call_of_pool = timed("http", _from_pool, leaf=True, begun=_begun_from_pool, finished=_answered)

ABOUT = About(
    "urllib3",
    ">=2.2",
    "`http`: each call (boto3's too), retries and redirects included, and reading its body",
    LEFT_OUT,
)

PATCHES = {
    "urllib3.poolmanager": (Patch("PoolManager.urlopen", _call),),
    "urllib3.connectionpool": (
        Patch("HTTPConnectionPool.urlopen", _call_of_pool),
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
