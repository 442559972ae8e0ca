"""What the tests of Starlette build applications of: middleware, endpoints and a single route."""

import asyncio

from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route


class Pure:
    """A pure ASGI middleware, with an option."""

    def __init__(self, app, wait_s=0.002):
        self.app = app
        self.wait_s = wait_s

    async def __call__(self, scope, receive, send):
        await asyncio.sleep(self.wait_s)
        await self.app(scope, receive, send)


class Based(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        await asyncio.sleep(0.004)
        return await call_next(request)


async def numbers(request):
    await asyncio.sleep(0.006)
    return JSONResponse([1, 2, 3])


async def text(request):
    return PlainTextResponse("text")


def one(endpoint, **more):
    return Starlette(routes=[Route("/", endpoint)], **more)
