"""Asks a WSGI application by hand: everything that it gives its server is kept, in order."""

import io
from typing import Any


def environ(path="/", method="GET", headers=(), body=b"", **more):
    """A PEP 3333 environ; ``more`` replaces keys of it, with ``_`` for the dot of ``wsgi.``."""
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path.encode().decode("latin-1"),
        "QUERY_STRING": "",
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": "test",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "test",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers},
        **{name.replace("wsgi_", "wsgi."): value for name, value in more.items()},
    }


def exchange(app, environ, parts=None):
    """What ``app`` gives its server, and the error that came out of it, if any.

    ``parts`` is how much of the body is sent before the client goes away; None is all.
    """
    given: list = []

    def start_response(status, headers, exc_info=None):
        given.append((status, list(headers), exc_info and repr(exc_info[1])))
        return given.append

    result: Any = None
    try:
        result = app(environ, start_response)
        if parts is None:
            given.extend(result)
        else:
            chunks = iter(result)
            given.extend(next(chunks) for _ in range(parts))
    except Exception as error:
        given.append(repr(error))
    finally:
        if hasattr(result, "close"):
            result.close()
    return given


def asked(app, path="/", method="GET", parts=None, **more):
    return exchange(app, environ(path, method, **more), parts)
