"""Tells a WSGI application from an ASGI one by how it can be called."""

import inspect
from typing import Any

WSGI = (None, None)
ASGI = (None, None, None)


def is_wsgi(app: Any) -> bool:
    """Whether ``app`` speaks WSGI; ASGI 3 is taken for granted where both would fit.

    Raises TypeError when it can speak neither.
    """
    if not callable(app):
        raise TypeError(
            f"instrument() takes an ASGI or WSGI application, not {type(app).__name__!r}"
        )
    call = app if inspect.isroutine(app) or isinstance(app, type) else type(app).__call__
    if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(call):
        return False
    if hasattr(app, "wsgi_app"):
        return True
    try:
        signature = inspect.signature(app)
    except (TypeError, ValueError):  # written in C and silent about it
        return False
    if _takes(signature, ASGI):
        return False
    if _takes(signature, WSGI):
        return True
    raise TypeError(
        "instrument() takes an ASGI application, called with (scope, receive, send), or a WSGI "
        f"application, called with (environ, start_response); this one takes {signature}"
    )


def _takes(signature: inspect.Signature, arguments: tuple[None, ...]) -> bool:
    try:
        signature.bind(*arguments)
    except TypeError:
        return False
    return True
