"""Starlette's middleware: each has its own time, its errors and its place around the others."""

import asyncio

import pytest
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import JSONResponse, PlainTextResponse

from tests.integrations.spans import spans
from tests.integrations.starlette_parts import Based, Pure, numbers, one, text
from tests.integrations.traced import asked, trace_of


def ordered(trace):
    return sorted(trace.spans, key=lambda span: span.start_ns)


def test_each_middleware_has_its_own_time_below_the_one_around_it():
    app = one(
        numbers,
        middleware=[
            Middleware(CORSMiddleware, allow_origins=["*"]),
            Middleware(GZipMiddleware),
            Middleware(Pure, wait_s=0.003),
            Middleware(Based),
            Middleware(Pure),
        ],
    )
    trace = trace_of(app, "/")
    assert spans(trace) == [
        ("middleware", "CORSMiddleware", "http", 1),
        ("middleware", "GZipMiddleware", "CORSMiddleware", 1),
        ("middleware", "Pure", "GZipMiddleware", 1),
        ("middleware", "Based", "Pure", 1),
        ("middleware", "Pure", "Based", 1),
        ("other", "application", "Pure", 1),
        ("handler", "numbers", "application", 1),
        ("serialization", "render JSONResponse", "numbers", 1),
    ]
    outer, inner = (span.self_ns for span in ordered(trace) if span.name == "Pure")
    spent = {str(span.name): span.self_ns for span in trace.spans}
    assert outer >= 3_000_000
    assert inner >= 2_000_000
    assert spent["Based"] >= 4_000_000
    assert spent["numbers"] >= 6_000_000
    middleware_ns = trace.stages["middleware"]
    assert middleware_ns == sum(s.self_ns for s in trace.spans if s.kind == "middleware")
    assert middleware_ns >= 9_000_000


class Refusing:
    def __init__(self, app):
        pass

    def __call__(self, scope, receive, send):
        raise HTTPException(418)


class Catching(Pure):
    async def __call__(self, scope, receive, send):
        with pytest.raises(HTTPException):
            await self.app(scope, receive, send)
        await JSONResponse([])(scope, receive, send)


def test_a_middleware_that_fails_before_it_is_awaited_has_its_span_and_its_error():
    trace = trace_of(one(numbers, middleware=[Middleware(Catching), Middleware(Refusing)]), "/")
    assert [(str(span.name), span.error) for span in ordered(trace)[1:]] == [
        ("Catching", None),
        ("Refusing", "HTTPException"),
        ("render JSONResponse", None),
    ]
    assert spans(trace, "serialization") == [
        ("serialization", "render JSONResponse", "Catching", 1)
    ]


def test_the_apps_own_list_of_middleware_stays_as_it_was():
    app = one(text, middleware=[Middleware(Pure, wait_s=0)])
    before = list(app.user_middleware)
    trace_of(app, "/")
    assert app.user_middleware == before


def test_a_middleware_that_answers_by_itself_keeps_its_time():
    app = one(text, middleware=[Middleware(CORSMiddleware, allow_origins=["*"]), Middleware(Pure)])
    preflight = ((b"origin", b"http://a"), (b"access-control-request-method", b"GET"))
    traces, status, _ = asked(app, "/", "OPTIONS", headers=preflight)
    assert (status, spans(traces[0])) == (200, [("middleware", "CORSMiddleware", "http", 1)])


def test_a_middleware_that_fails_says_with_what():
    class Broken(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            raise KeyError("broken")

    trace = trace_of(one(text, middleware=[Middleware(Pure), Middleware(Broken)]), "/")
    errors = {str(span.name).rpartition(".")[2]: span.error for span in trace.spans}
    assert errors == {"Broken": "KeyError", "Pure": "KeyError", "http": None}
    assert (trace.status, trace.error) == (500, "500")


def test_an_endpoint_that_records_nothing_below_a_based_middleware_has_its_time():
    async def slow(request):
        await asyncio.sleep(0.02)
        return PlainTextResponse("text")

    trace = trace_of(one(slow, middleware=[Middleware(Based)]), "/")
    assert trace.stages["handler"] >= 20_000_000


def test_what_a_based_middleware_does_with_the_response_is_its_time():
    class After(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            response = await call_next(request)
            await asyncio.sleep(0.02)
            return response

    trace = trace_of(one(numbers, middleware=[Middleware(After)]), "/")
    assert trace.stages["middleware"] >= 20_000_000


def test_what_a_middleware_does_in_its_send_is_its_time():
    class Sending:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            async def slowly(message):
                await asyncio.sleep(0.01)
                await send(message)

            await self.app(scope, receive, slowly)

    trace = trace_of(one(numbers, middleware=[Middleware(Sending)]), "/")
    assert trace.stages["middleware"] >= 20_000_000
