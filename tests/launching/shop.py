"""Applications for real servers that know nothing of inprofile, unless $LINE says so."""

import os
from typing import Any

from a2wsgi import WSGIMiddleware
from fastapi import FastAPI
from flask import Flask
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

fastapi = FastAPI()


@fastapi.get("/pid")
async def pid():
    return os.getpid()


def show_pid(_request):
    return PlainTextResponse(str(os.getpid()))


inner = Starlette(routes=[Route("/inner", show_pid)])
starlette = Starlette(routes=[Route("/pid", show_pid), Mount("/below", inner)])

flask = Flask(__name__)
flask.add_url_rule("/pid", view_func=lambda: str(os.getpid()))

below: Any = WSGIMiddleware(flask)  # type: ignore[arg-type] # its own idea of an environ
outer = Starlette(routes=[Mount("/", below)])
wrapped = CORSMiddleware(fastapi, allow_origins=["*"])


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError("has none")
    status = 200 if scope["path"] == "/pid" else 404
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})


def wsgi(environ, start_response):
    status = "200 OK" if environ["PATH_INFO"] == "/pid" else "404 Not Found"
    start_response(status, [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]


if "LINE" in os.environ:
    import inprofile

    settings = {"slow_ms": 500} if os.environ["LINE"] == "settings" else {}
    inprofile.instrument(fastapi, **settings)
    inprofile.instrument(flask)
    asgi = inprofile.instrument(asgi)
    wsgi = inprofile.instrument(wsgi)
