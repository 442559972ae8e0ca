"""What must not grow with the number of requests."""

import asyncio
import gc
import sys
import threading
import weakref
from types import FrameType

import pytest
from fastapi import FastAPI, Request
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse, StreamingResponse

import inprofile
from tests import asgi, child


def depth():
    frame: FrameType | None = sys._getframe()
    count = 0
    while frame is not None:
        frame, count = frame.f_back, count + 1
    return count


def test_five_thousand_requests_pass_the_same_number_of_wrappers():
    app = FastAPI()
    inprofile.instrument(app)
    depths = []

    @app.get("/")
    async def root():
        depths.append(depth())
        return {}

    async def all_of_them():
        for _ in range(5000):
            await asgi.exchange(app, asgi.scope("/"))

    asyncio.run(all_of_them())
    assert len(depths) == 5000
    assert len(set(depths)) == 1


MEMORY = """
import asyncio, gc, json, resource
from pathlib import Path
from fastapi import FastAPI
import inprofile

app = FastAPI()
inprofile.instrument(app, sample_rate=0.05)

@app.get("/{number}")
async def root(number: int):
    with inprofile.span("work"):
        return {"number": number}

def rss():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

async def receive():
    return {"type": "http.request", "body": b"", "more_body": False}

async def send(message):
    pass

async def main():
    seen = []
    for number in range(50_001):
        scope = {"type": "http", "method": "GET", "path": f"/{number}", "headers": [],
                 "query_string": b"", "scheme": "http", "http_version": "1.1"}
        await app(scope, receive, send)
        if number % 10_000 == 0:
            seen.append(rss())
    print(json.dumps(seen))

asyncio.run(main())
"""


@pytest.mark.slow
def test_fifty_thousand_requests_leave_the_memory_flat(tmp_path):
    seen = child.run(MEMORY, INPROFILE_DIR=tmp_path / "groups")
    print(f"RSS after each 10,000 requests: {[f'{rss / 1e6:.1f} MB' for rss in seen]}")
    assert seen[-1] - seen[1] < 1_500_000


def shop():
    """An app, and a weak reference to each request and response that it comes to see."""
    app, seen = FastAPI(), []

    class Middleware(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            seen.append(weakref.ref(request))
            return await call_next(request)

    app.add_middleware(Middleware)

    @app.get("/json")
    async def json(request: Request):
        response = JSONResponse({})
        seen.extend([weakref.ref(request), weakref.ref(response)])
        return response

    @app.get("/stream")
    async def stream(request: Request):
        response = StreamingResponse(iter([b"a", b"b"]))
        seen.extend([weakref.ref(request), weakref.ref(response)])
        return response

    return app, seen


def left_alive(app, seen):
    """Which of the things seen outlive their response: without the collector, and with it."""

    async def ask():
        for path in ("/json", "/stream"):
            await asgi.exchange(app, asgi.scope(path))

    asyncio.run(ask())  # the first request builds the stack
    gc.collect()
    seen.clear()
    gc.disable()
    others = set(threading.enumerate())
    try:
        asyncio.run(ask())
        for thread in set(threading.enumerate()) - others:
            thread.join()  # the stream's worker holds its last context until it ends
        alive = [ref() is not None for ref in seen]
    finally:
        gc.enable()
    gc.collect()
    return alive, [ref() for ref in seen]


@pytest.mark.parametrize("sample_rate", [0, 1], ids=["let go", "kept"])
def test_requests_and_responses_die_after_the_response_as_they_do_in_the_bare_app(sample_rate):
    """On CPython 3.13 the bare app itself leaves some of them to the collector."""
    bare, _ = left_alive(*shop())
    app, seen = shop()
    inprofile.instrument(app, sample_rate=sample_rate)
    assert left_alive(app, seen) == (bare, [None] * 6)
