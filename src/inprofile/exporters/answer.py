"""What answers a request for the metrics, whichever protocol it came by."""

from collections.abc import Callable

from inprofile.core.guard import guard

Exposition = Callable[[str], tuple[bytes, str]]
"""The metrics and their content type, for an Accept header."""

METHODS = frozenset({"GET", "HEAD"})
REFUSALS = frozenset({404, 405, 422})
"""What an app says where it has nothing: not found, not for reading, no such number."""

FAILED = b"inprofile could not write the metrics; the log says why.\n"


def answer(
    exposition: Exposition, method: str, accept: str
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body for a request of one of METHODS. Never raises."""
    status, body, content_type = 500, FAILED, "text/plain"
    with guard:
        body, content_type = exposition(accept)
        status = 200
    headers = [("content-type", content_type), ("content-length", str(len(body)))]
    return status, headers, b"" if method == "HEAD" else body
