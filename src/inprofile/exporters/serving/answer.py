"""What answers a request for the metrics, whichever protocol it came by."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import NamedTuple

from inprofile.core.guard import guard
from inprofile.exporters.serving.accept import takes_gzip

Exposition = Callable[[str], tuple[Iterable[bytes], str]]
"""The metrics, part by part, and their content type, for an Accept header."""

METHODS = frozenset({"GET", "HEAD"})
REFUSALS = frozenset({404, 405, 422})
"""What an app says where it has nothing: not found, not for reading, no such number."""

FAILED = b"inprofile could not write the metrics; the log says why.\n"

CHUNK_BYTES = 1 << 18
"""So much is sent at once; a body that is not longer is sent with its length."""

LEVEL = 1
GZIP = 31
"""Metrics are as alike as text can be: more effort saves little. The format is gzip's."""


class Answer(NamedTuple):
    """Status, headers and the parts of the body."""

    status: int
    headers: list[tuple[str, str]]
    body: Iterator[bytes]


def answer(exposition: Exposition, method: str, accept: str, encoding: str = "") -> Answer:
    """The answer to a request of one of METHODS with these headers.

    Never raises. What fails after the first part ends the body with its error: a server then
    breaks the connection, so that nobody takes a part for the whole.
    """
    status, headers, body = 500, [("content-type", "text/plain")], [FAILED]
    more: Iterator[bytes] = iter(())
    with guard:
        parts, content_type = exposition(accept)
        found = [("content-type", content_type), ("vary", "accept, accept-encoding")]
        if takes_gzip(encoding):
            parts = _compressed(parts)
            found.append(("content-encoding", "gzip"))
        chunks = _chunks(parts)
        body = list(islice(chunks, 2))
        status, headers, more = 200, found, chunks
    if len(body) == 1:  # all there is
        headers.append(("content-length", str(len(body[0]))))
    return Answer(status, headers, iter([b""]) if method == "HEAD" else chain(body, more))


def _chunks(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The same in larger parts; at least one."""
    waiting, size = [], 0
    for part in parts:
        waiting.append(part)
        size += len(part)
        if size >= CHUNK_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


def _compressed(parts: Iterable[bytes]) -> Iterator[bytes]:
    compress = zlib.compressobj(LEVEL, wbits=GZIP)
    for part in parts:
        yield compress.compress(part)
    yield compress.flush()
