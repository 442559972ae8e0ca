"""Starlette."""

import asyncio

from tests import asgi

KINDS = {"routing", "handler", "serialization"}


def call(_):
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def root(request):
        return JSONResponse({"a": 1})

    app = Starlette(routes=[Route("/", root)])
    return asyncio.run(asgi.exchange(app, asgi.scope("/") | {"inprofile": True}))
