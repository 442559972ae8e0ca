"""Which protocol an application speaks."""

import functools

import pytest
from asgiref.wsgi import WsgiToAsgi
from fastapi import FastAPI
from flask import Flask
from starlette.endpoints import HTTPEndpoint
from starlette.middleware.gzip import GZipMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

import inprofile
from inprofile.doors import asgi, wsgi
from inprofile.doors.protocol import is_wsgi


def wsgi_function(environ, start_response):
    raise NotImplementedError


async def asgi_function(scope, receive, send):
    raise NotImplementedError


class WsgiObject:
    def __call__(self, environ, start_response):
        raise NotImplementedError

    def serve(self, environ, start_response):
        raise NotImplementedError


class WsgiClass:
    """PEP 3333 has an example like this one."""

    def __init__(self, environ, start_response):
        raise NotImplementedError


class AsgiObject:
    async def __call__(self, scope, receive, send):
        raise NotImplementedError


class AsgiAwaitable:
    """Hands on what it does not await itself."""

    def __call__(self, scope, receive, send):
        raise NotImplementedError


class Anything:
    def __call__(self, *args, **kwargs):
        raise NotImplementedError


class AnythingOfFlask(Anything):
    wsgi_app = None


def generator(environ, start_response):
    yield b""


@functools.wraps(wsgi_function)
def decorated(*args):
    return wsgi_function(*args)


WSGI = {
    "function": wsgi_function,
    "generator": generator,
    "object": WsgiObject(),
    "method": WsgiObject().serve,
    "class": WsgiClass,
    "partial": functools.partial(lambda more, environ, start_response: None, 1),
    "decorated": decorated,
    "Flask": Flask("x"),
    "middleware": ProxyFix(Flask("x")),
    "anything with a wsgi_app": AnythingOfFlask(),
}

ASGI = {
    "function": asgi_function,
    "object": AsgiObject(),
    "awaitable": AsgiAwaitable(),
    "anything": Anything(),
    "lambda": lambda *args: None,
    "third by default": lambda scope, receive, send=None: None,
    "partial": functools.partial(asgi_function),
    "FastAPI": FastAPI(),
    "endpoint": HTTPEndpoint,
    "middleware": GZipMiddleware(FastAPI()),
    "WSGI as ASGI": WsgiToAsgi(wsgi_function),
    "silent about it": type("", (), {"__call__": print})(),
}


@pytest.mark.parametrize("app", WSGI.values(), ids=WSGI)
def test_this_speaks_wsgi(app):
    assert is_wsgi(app)


@pytest.mark.parametrize("app", ASGI.values(), ids=ASGI)
def test_this_speaks_asgi(app):
    assert not is_wsgi(app)


@pytest.mark.parametrize(
    "app",
    [lambda: None, lambda scope: None, lambda a, b, c, d: None, lambda a, *, b: None],
    ids=["none", "one", "four", "by keyword"],
)
def test_what_speaks_neither_is_refused_with_what_is_wanted(app):
    with pytest.raises(TypeError, match=r"\(environ, start_response\); this one takes \("):
        inprofile.instrument(app)


def test_what_cannot_be_called_is_refused():
    with pytest.raises(TypeError, match="an ASGI or WSGI application, not 'Settings'"):
        inprofile.instrument(inprofile.Settings())


def test_each_gets_the_door_of_its_protocol_and_gives_it_back():
    for app, door in ((wsgi_function, wsgi.Door), (asgi_function, asgi.Door)):
        put = inprofile.instrument(app)
        assert type(put) is door
        assert inprofile.instrument(put) is put
        assert inprofile.uninstrument(put) is app
