"""Two services: an ASGI application that asks a WSGI application."""

import os

import httpx
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import inprofile


async def pid(request):
    return PlainTextResponse(str(os.getpid()))


async def order(request):
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(os.environ["STOCK"])
    return PlainTextResponse(answer.text)


def stock(environ, start_response):
    start_response("200 OK", [("content-type", "text/plain")])
    return [b"7"]


orders = inprofile.instrument(Starlette(routes=[Route("/pid", pid), Route("/order", order)]))
stocks = inprofile.instrument(stock)
