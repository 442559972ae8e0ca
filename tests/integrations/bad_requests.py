"""URLs, methods and bodies that HTTP clients refuse."""

# mypy: disable-error-code="arg-type, attr-defined, call-arg, call-overload, dict-item, index, misc"

import urllib.request
from typing import Any

import aiohttp
import httpx
import requests
import urllib3

from tests.integrations.answers import answers
from tests.integrations.bad_values import Pretending, Text, given, library, running
from tests.integrations.mysql_parts import Unlucky

URLS: dict[str, Any] = {
    "None": None,
    "a number": 7,
    "nothing": "",
    "bytes": b"http://127.0.0.1:1/",
    "bytes that are no text": b"http://\xff/",
    "no scheme": "127.0.0.1:1/",
    "an unknown scheme": "gopher://127.0.0.1:1/",
    "no host": "http:///x",
    "half an address": "http://[::1/",
    "no port": "http://127.0.0.1:port/",
    "half a character": "http://127.0.0.1:1/\ud800",
    "long": "http://127.0.0.1:1/" + "x" * 100_000,
    "text of the user's": Text("http://127.0.0.1:1/"),
    "an object": Unlucky(),
    "a stand-in": Pretending(),
}


def methods(call, url):
    return {
        f"{name}, as a method": lambda value=value: call(value, url)
        for name, value in URLS.items()
        if name != "long"
    }


@library
def requests_(request):
    with answers() as url, requests.Session() as client:
        client.trust_env = False
        yield {
            **given(lambda *a, **k: client.get(*a, **k).status_code, "url", URLS),
            **methods(lambda method, url: client.request(method, url).status_code, url),
            "a header": lambda: client.get(url, headers={"a": Unlucky()}),
            "a body": lambda: client.post(url, json={"a": Unlucky()}).status_code,
            "not prepared": lambda: client.send(None),
        }


@library
def httpx_(request):
    with answers() as url, httpx.Client(trust_env=False) as client:
        yield {
            **given(lambda *a, **k: client.get(*a, **k).status_code, "url", URLS),
            **methods(lambda method, url: client.request(method, url).status_code, url),
            "a header": lambda: client.get(url, headers={"a": Unlucky()}),
            "a body": lambda: client.post(url, json={"a": Unlucky()}),
            "no request": lambda: client.send(None),
        }


@library
def httpx_async(request):
    async def get(*args, **kwargs):
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(*args, **kwargs)).status_code

    yield given(running(get), "url", URLS)


@library
def urllib3_(request):
    with answers() as url, urllib3.PoolManager(retries=False) as client:
        yield {
            **given(lambda *a, **k: client.request("GET", *a, **k).status, "url", URLS),
            **methods(lambda method, url: client.request(method, url).status, url),
            "a header": lambda: client.request("GET", url, headers={"a": Unlucky()}),
        }


@library
def urllib_request(request):
    def opened(*args, **kwargs):
        with urllib.request.urlopen(*args, **kwargs) as response:
            return response.status

    yield given(opened, "url", URLS)


@library
def aiohttp_(request):
    with answers() as url:

        async def ask(method, *args, **kwargs):
            async with (
                aiohttp.ClientSession() as client,
                client.request(method, *args, **kwargs) as answer,
            ):
                return answer.status

        call = running(ask)
        yield {
            **given(lambda *args, **kwargs: call("GET", *args, **kwargs), "url", URLS),
            **methods(call, url),
            "a header": lambda: call("GET", url, headers={"a": Unlucky()}),
            "a body": lambda: call("POST", url, json={"a": Unlucky()}),
        }
