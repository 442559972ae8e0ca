"""Gives every request an id, or keeps the one it came with."""

from collections.abc import Awaitable, Callable
from uuid import uuid4

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

HEADER = "x-request-id"
Sync = Callable[[HttpRequest], HttpResponse]
Async = Callable[[HttpRequest], Awaitable[HttpResponse]]


@sync_and_async_middleware
def request_id(get_response: Sync | Async) -> Sync | Async:
    """Answer with the request's id, so that a log line and a response can be matched."""
    if iscoroutinefunction(get_response):

        async def answer_later(request: HttpRequest) -> HttpResponse:
            return tagged(request, await get_response(request))

        return answer_later

    def answer(request: HttpRequest) -> HttpResponse:
        return tagged(request, get_response(request))

    return answer


def tagged(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Add the id to the response's headers."""
    response[HEADER] = request.headers.get(HEADER) or uuid4().hex
    return response
