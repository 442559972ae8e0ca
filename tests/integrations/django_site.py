"""A small Django site: middleware, views and URL patterns."""

import asyncio
import os
import time
from pathlib import Path

from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async
from django import forms
from django.conf.urls.i18n import i18n_patterns
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import (
    FileResponse,
    Http404,
    HttpResponse,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.urls import include, path, re_path
from django.utils.decorators import sync_and_async_middleware
from django.views import View

NAMES = ["ann", "bob", "eve"]
PARTS = [b"one ", b"two ", b"three"]


@sync_and_async_middleware
def plain(get_response):
    """A middleware of the newer kind: a function that makes a function."""
    if iscoroutinefunction(get_response):

        async def waiting(request):
            return await get_response(request)

        return waiting

    def middleware(request):
        return get_response(request)

    return middleware


class Refusing:
    """A middleware that is sync alone, with hooks, and keeps the next one by another name."""

    def __init__(self, get_response):
        self.next = get_response

    def __call__(self, request):
        if "refuse" in request.GET:
            return HttpResponse("refused", status=403)
        return self.next(request)

    def process_view(self, request, view, args, kwargs):
        if "hold" in request.GET:
            time.sleep(0.002)

    def process_exception(self, request, exception):
        if isinstance(exception, LookupError):
            return HttpResponse("mended", status=409)
        return None


def numbers(request, n=3):
    return JsonResponse({"numbers": list(range(n))})


def pid(request):
    return HttpResponse(str(os.getpid()))


def names(request):
    return JsonResponse({"names": [user.username for user in User.objects.order_by("pk")]})


async def waiting(request):
    await asyncio.sleep(0.002)
    found = [user.username async for user in User.objects.order_by("pk")]
    return JsonResponse({"names": found, "count": await sync_to_async(User.objects.count)()})


def hopping(request):
    async def count():
        return await User.objects.acount()

    return JsonResponse({"count": async_to_sync(count)()})


class Page(View):
    def get(self, request, year):
        return render(request, "page.html", {"n": year})


class NameForm(forms.Form):
    name = forms.CharField(max_length=5)


def form(request):
    given = NameForm(request.POST)
    return JsonResponse({"valid": given.is_valid(), "errors": given.errors})


def failing(request, how):
    if how == "missing":
        raise Http404("nothing")
    if how == "denied":
        raise PermissionDenied
    if how == "suspicious":
        raise SuspiciousOperation(how)
    if how == "mended":
        raise KeyError(how)
    raise ZeroDivisionError


def file(request):
    return FileResponse(Path(__file__).open("rb"))


def streaming(request):
    return StreamingHttpResponse(iter(PARTS))


async def parts():
    for part in PARTS:
        yield part


async def async_streaming(request):
    return StreamingHttpResponse(parts())


inner = ([path("<int:n>/", numbers, name="numbers")], "inner")

urlpatterns = [
    path("numbers/", include(inner, namespace="numbers")),
    path("names/", names),
    path("pid", pid),
    path("waiting/", waiting),
    path("hopping/", hopping),
    re_path(r"^page/(?P<year>[0-9]{4})/$", Page.as_view()),
    re_path(r"^old/(\d+)/(?:x/)?$", numbers),
    path("form/", form),
    path("failing/<str:how>/", failing),
    path("file/", file),
    path("streaming/", streaming),
    path("async-streaming/", async_streaming),
    *i18n_patterns(path("about/", numbers)),
]
