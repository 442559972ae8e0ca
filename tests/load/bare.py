"""A WSGI application without a framework, and not measured."""

from wsgiref.util import FileWrapper

FILE = __file__


def bare(environ, start_response):  # noqa: PLR0911 - one after the other
    """Every way in which a WSGI application may answer."""
    path = environ["PATH_INFO"]
    headers = [("Content-Type", "text/plain")]
    if path == "/list":
        start_response("200 OK", headers)
        return [b"one part, whose length is known"]
    if path == "/two":
        start_response("200 OK", headers)
        return [b"two ", b"parts"]
    if path == "/generator":
        start_response("200 OK", headers)
        return (part for part in (b"a", b"", b"b"))
    if path == "/write":
        start_response("200 OK", headers)(b"written ")
        return [b"and returned"]
    if path == "/file":
        start_response("200 OK", headers)
        return environ.get("wsgi.file_wrapper", FileWrapper)(open(FILE, "rb"))  # noqa: PTH123
    if path == "/empty":
        start_response("204 No Content", [])
        return []
    if path == "/broken":
        raise RuntimeError("broken")
    start_response("404 Not Found", headers)
    return [b"nothing"]
