"""What to write instead of a loop of requests: send them together, or ask one bulk endpoint."""

from types import FrameType

from inprofile.core.frames import Stand
from inprofile.core.model import Span
from inprofile.core.sites import Facts
from inprofile.integrations._called import Called, called

METHODS = "get|head|options|delete|post|put|patch|request|send|urlopen"
"""Names of the clients' methods that send a request."""

BULK = "or ask the bulk endpoint once for all"

_BODIED = frozenset({"post", "put", "patch"})


def gathered(span: Span, at: Stand, _frames: list[FrameType]) -> Facts:
    """The fix for an asynchronous client."""
    call, each = _call(span, called(at, METHODS))
    return Facts(fix=f"await asyncio.gather(*({call} for {each} in {each}s)), {BULK}")


def pooled(span: Span, at: Stand, _frames: list[FrameType]) -> Facts:
    """The fix for a client that blocks."""
    call, each = _call(span, called(at, METHODS))
    function = call.removesuffix(f"({each})")
    if function == call:
        function = f"lambda {each}: {call}"
    return Facts(
        fix=f"with ThreadPoolExecutor() as pool: list(pool.map({function}, {each}s)), {BULK}"
    )


def _call(span: Span, found: Called | None) -> tuple[str, str]:
    """The call for one element, and what an element is called."""
    verb = str((span.attributes or {}).get("http.request.method", "GET"))
    receiver, method = found or Called("client", verb.lower())
    function = f"{receiver}.{method}" if receiver else method
    if method == "send":
        return f"{function}(request)", "request"
    if method in _BODIED:
        return f"{function}(url, json=row)", "row"
    if method == "request":
        return f'{function}("{verb}", url)', "url"
    return f"{function}(url)", "url"
