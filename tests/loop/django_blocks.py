"""The blocks behind async views of Django, and those that only it has."""

import asyncio
import time

from django.http import HttpResponse
from django.urls import path
from django.utils.decorators import async_only_middleware

from tests.loop.blocks import BLOCKS, LENGTH_S, Expected


def view(block):
    async def answer(_request):
        await block()
        return HttpResponse(b"ok")

    return answer


async def quick(_request):
    for _ in range(40):
        await asyncio.sleep(0.01)
    return HttpResponse(b"ok")


async def behind(_request):
    return HttpResponse(b"ok")


@async_only_middleware
def middleware(get_response):
    async def answer(request):
        if request.path == "/behind":
            time.sleep(LENGTH_S)  # guilty
        return await get_response(request)

    return answer


OWN = {"/behind": Expected("blocking_call", "time.sleep")}
ROUTES = {f"/{block.__name__}": expected for block, expected in BLOCKS.items()} | OWN
urlpatterns = [
    *(path(block.__name__, view(block)) for block in BLOCKS),
    path("quick", quick),
    path("behind", behind),
]
