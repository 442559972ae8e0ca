"""What a client accepts, by the rules of HTTP.

https://www.rfc-editor.org/rfc/rfc9110#section-12.5
"""

from collections.abc import Iterator
from typing import NamedTuple


class Range(NamedTuple):
    """One entry of an Accept header: what is accepted, with which parameters, and how gladly."""

    name: str
    parameters: dict[str, str]
    quality: float


def ranges(header: str) -> list[Range]:
    """The entries of an Accept or Accept-Encoding header, the most wanted first.

    Those that are not wanted (``q=0``) come last; what cannot be read is left out.
    """
    return sorted(_ranges(header), key=lambda each: -each.quality)


def _ranges(header: str) -> Iterator[Range]:
    for entry in header.split(","):
        name, *more = (part.strip() for part in entry.split(";"))
        pairs = (part.partition("=") for part in more)
        parameters = {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}
        try:
            quality = float(parameters.pop("q", "1"))
        except ValueError:
            continue
        if name and 0 <= quality <= 1:
            yield Range(name.lower(), parameters, quality)


def takes_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header asks for gzip."""
    quality = {each.name: each.quality for each in reversed(ranges(header))}
    return quality.get("gzip", quality.get("*", 0)) > 0
