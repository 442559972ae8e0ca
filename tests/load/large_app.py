"""Applications whose metrics are larger than one part of an answer, for ASGI and WSGI servers."""

import inprofile
from inprofile.exporters.serving.answer import CHUNK_BYTES

JOBS = 300


def fill():
    """Count jobs under so many names."""
    for number in range(JOBS):
        with inprofile.job(f"job {number}"):
            pass


async def _asgi(scope, receive, send):
    is_fill = scope["path"] == "/fill"
    if is_fill:
        fill()
    status = 200 if is_fill else 404
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def _wsgi(environ, start_response):
    is_fill = environ["PATH_INFO"] == "/fill"
    if is_fill:
        fill()
    start_response("200 OK" if is_fill else "404 Not Found", [("Content-Length", "0")])
    return []


def _breaking(door):
    """The same door, whose metrics end with an error when some have been sent."""
    whole = door.endpoint.exposition

    def exposition(accept):
        parts, content_type = whole(accept)
        return _some(parts), content_type

    door.endpoint.exposition = exposition
    return door


def _some(parts):
    size = 0
    for part in parts:
        yield part
        size += len(part)
        if size > 5 * CHUNK_BYTES:  # the first two are written before anything is sent
            raise RuntimeError("half way")


asgi, wsgi = inprofile.instrument(_asgi), inprofile.instrument(_wsgi)
breaking_asgi = _breaking(inprofile.instrument(_asgi))
breaking_wsgi = _breaking(inprofile.instrument(_wsgi))
