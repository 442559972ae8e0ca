"""httpx against a real server: each request is timed, named without secrets, and the same."""

import asyncio
import base64
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import httpx
import pytest

import inprofile
from inprofile.core.recorder import current
from inprofile.integrations._http import CONNECT, CONNECTION_WAIT, FIRST_BYTE
from inprofile.testing import record
from tests.integrations.answers import PAUSE_S, nobody
from tests.integrations.outbound import GET, answered
from tests.integrations.spans import attributes, spans


def in_sync(server, *requests, **options):
    """The responses to ``requests``, each a method, a path and more."""
    with httpx.Client(base_url=server, **options) as client:
        return [client.request(method, path, **more) for method, path, more in requests]


def in_async(server, *requests, **options):
    async def ask():
        async with httpx.AsyncClient(base_url=server, **options) as client:
            return [await client.request(method, path, **more) for method, path, more in requests]

    return asyncio.run(ask())


both = pytest.mark.parametrize("ask", [in_sync, in_async])


@both
def test_a_request_is_a_span_of_method_and_host(ask, server, recorded):
    with inprofile.job("work"):
        ask(
            server, ("GET", "/hello", {}), ("POST", "/echo", {"content": b"x"}), ("GET", "/503", {})
        )
    assert spans(recorded.trace) == [GET, ("http", "POST 127.0.0.1", "work", 1), GET]
    assert attributes(recorded.trace, "http") == answered(
        ("GET", "/hello", 200),
        ("POST", "/echo", 201),
        ("GET", "/{id}", 503),
    )


@both
def test_nothing_secret_is_in_a_name(ask, server, recorded):
    secrets = {
        "params": {"token": "secret"},
        "headers": {"x-key": "secret"},
        "auth": ("user", "secret"),
    }
    own = server.replace("http://", "http://secret:secret@")
    with inprofile.job("work"):
        ask(server, ("GET", "/hello/secret-0f3a", secrets), ("GET", f"{own}/hello#secret", {}))
    trace = recorded.trace
    assert spans(trace) == [GET, GET]
    assert "secret" not in repr([(span.name, span.attributes) for span in trace.spans])


@both
def test_redirects_and_authentication_are_part_of_their_request(ask, server, recorded):
    with inprofile.job("work"):
        redirected, private = ask(
            server,
            ("GET", "/redirect", {}),
            ("GET", "/private", {"auth": httpx.DigestAuth("user", "secret")}),
            follow_redirects=True,
        )
    assert [response.status_code for response in redirected.history] == [302]
    assert private.status_code == 401
    assert spans(recorded.trace) == [GET, GET]
    assert [each["http.response.status_code"] for each in attributes(recorded.trace, "http")] == [
        200,
        401,
    ]


@both
def test_waiting_for_an_answer_is_the_requests_time(ask, server, recorded):
    with inprofile.job("work"):
        ask(server, ("GET", "/slow", {}))
    trace = recorded.trace
    assert trace.stages["http"] > 30_000_000
    assert sum(trace.stages.values()) == trace.wall_ns


@both
def test_a_request_that_nobody_answers_says_so(ask, recorded):
    with inprofile.job("work"), pytest.raises(httpx.ConnectError):
        ask(nobody(), ("GET", "/", {}))
    (span,) = [span for span in recorded.trace.spans if span.kind == "http"]
    assert (span.name, span.error) == ("GET 127.0.0.1", "ConnectError")
    assert attributes(recorded.trace, "http") == [
        {"http.request.method": "GET", "server.address": "127.0.0.1", "url.template": "/"}
    ]


@both
@pytest.mark.parametrize(
    ("path", "options", "error"),
    [
        ("/broken", {}, "RemoteProtocolError"),
        ("/slow", {"timeout": httpx.Timeout(5, read=0.01)}, "ReadTimeout"),
        ("/loop", {"follow_redirects": True}, "TooManyRedirects"),
    ],
)
def test_a_request_that_fails_says_with_what(ask, server, path, options, error, recorded):
    with inprofile.job("work"), pytest.raises(getattr(httpx, error)):
        ask(server, ("GET", path, {}), **options)
    assert [span.error for span in recorded.trace.spans if span.kind == "http"] == [error]


def test_a_streamed_response_is_one_request(server, recorded):
    async def asynchronously():
        async with (
            httpx.AsyncClient() as client,
            client.stream("GET", f"{server}/parts") as response,
        ):
            return b"".join([part async for part in response.aiter_bytes()])

    with inprofile.job("work"):
        with httpx.Client() as client, client.stream("GET", f"{server}/parts") as response:
            read = b"".join(response.iter_bytes())
        assert read == asyncio.run(asynchronously()) == b"onetwo"
    assert spans(recorded.trace) == [GET, GET]


def read_sync(response):
    return response.read()


def iterate_sync(response):
    return b"".join(response.iter_bytes())


def iterate_raw(response):
    return b"".join(response.iter_raw())


def iterate_text(response):
    return "".join(response.iter_text()).encode()


async def read_async(response):
    return await response.aread()


async def iterate_async(response):
    return b"".join([part async for part in response.aiter_bytes(2)])


async def iterate_async_raw(response):
    return b"".join([part async for part in response.aiter_raw()])


def streamed(url, read):
    """What ``read`` makes of a streamed response."""

    async def asynchronously():
        async with httpx.AsyncClient() as client, client.stream("GET", url) as response:
            return await read(response)

    if asyncio.iscoroutinefunction(read):
        return asyncio.run(asynchronously())
    with httpx.Client() as client, client.stream("GET", url) as response:
        return read(response)


READS = [
    read_sync,
    iterate_sync,
    iterate_raw,
    iterate_text,
    read_async,
    iterate_async,
    iterate_async_raw,
]


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("path", ["/slow-parts", "/slow-body"])
def test_reading_a_streamed_body_is_its_requests_time(read, path, server, recorded):
    with inprofile.job("work"):
        assert streamed(server + path, read) == b"onetwo"
    trace = recorded.trace
    assert spans(trace) == [GET]
    span = trace.spans[0]
    assert span.moved_ns > PAUSE_S * 1e9 / 2
    assert span.self_ns == span.duration_ns == trace.stages["http"]
    assert sum(trace.stages.values()) == trace.wall_ns


@pytest.mark.parametrize("read", [iterate_sync, iterate_async])
def test_work_between_the_chunks_is_the_users_own(read, server, recorded):
    def work(response):
        for _ in response.iter_bytes():
            with inprofile.span("work on a chunk", kind="serialization"):
                assert "work on a chunk" in str(current.get())

    async def work_later(response):
        async for _ in response.aiter_bytes():
            with inprofile.span("work on a chunk", kind="serialization"):
                assert "work on a chunk" in str(current.get())

    with inprofile.job("work"):
        streamed(f"{server}/slow-parts", work if read is iterate_sync else work_later)
    assert (
        spans(recorded.trace, "serialization")
        == [("serialization", "work on a chunk", "work", 1)] * 2
    )


@pytest.mark.parametrize("read", [read_sync, iterate_sync, read_async, iterate_async])
def test_a_body_that_ends_early_is_its_requests_error(read, server, recorded):
    with inprofile.job("work"), pytest.raises(httpx.RemoteProtocolError, match="peer closed"):
        streamed(f"{server}/cut", read)
    assert [span.error for span in recorded.trace.spans[:-1]] == ["RemoteProtocolError"]


def test_a_stream_left_early_closes_as_ever(server, recorded):
    async def first():
        async with httpx.AsyncClient() as client, client.stream("GET", f"{server}/parts") as got:
            parts: Any = got.aiter_raw(1)
            part = await anext(parts)
            await parts.aclose()
            with pytest.raises(StopAsyncIteration):
                await anext(parts)
            with pytest.raises(httpx.StreamConsumed):
                await anext(got.aiter_raw())
        return part, got.is_closed

    with inprofile.job("work"):
        assert asyncio.run(first()) == (b"o", True)
        with httpx.stream("GET", f"{server}/parts") as response:
            assert next(response.iter_bytes(1)) == b"o"
    assert spans(recorded.trace) == [GET, GET]


def test_a_body_that_another_trace_asked_for_stays_where_it_is_read(server, recorded):
    with httpx.Client() as client:
        with inprofile.job("asks"):
            response = client.send(client.build_request("GET", f"{server}/slow-body"), stream=True)
        with inprofile.job("reads"):
            assert response.read() == b"onetwo"
    assert recorded.traces[1].stages.keys() == {"handler"}


@both
def test_waiting_for_a_connection_and_for_the_head_are_told_apart(ask, server, recorded):
    limits = httpx.Limits(max_connections=1)

    def in_threads(url):
        with httpx.Client(limits=limits) as client, ThreadPoolExecutor(2) as pool:
            one = [pool.submit(copy_context().run, client.get, f"{url}/slow") for _ in range(2)]
            return [each.result() for each in one]

    async def at_once(url):
        async with httpx.AsyncClient(limits=limits) as client:
            return await asyncio.gather(client.get(f"{url}/slow"), client.get(f"{url}/slow"))

    with inprofile.job("work"):
        in_threads(server) if ask is in_sync else asyncio.run(at_once(server))
    told = [span.attributes for span in recorded.trace.spans if span.kind == "http"]
    first, second = sorted(told, key=lambda each: each.get(CONNECTION_WAIT, 0))
    assert second[CONNECTION_WAIT] - first.get(CONNECTION_WAIT, 0) > 15_000_000
    assert (CONNECT in first, CONNECT in second) == (True, False)
    assert second[FIRST_BYTE] > second[CONNECTION_WAIT] + 30_000_000


def test_requests_without_a_client_are_timed_too(server, recorded):
    with inprofile.job("work"):
        assert httpx.get(f"{server}/hello").text == "hello"
        with httpx.stream("GET", f"{server}/parts") as response:
            assert response.read() == b"onetwo"
    assert spans(recorded.trace) == [GET, GET]


def test_a_request_may_be_sent_by_keyword(server, recorded):
    with httpx.Client() as client, inprofile.job("work"):
        request = client.build_request("GET", f"{server}/hello")
        response = client.send(request=request, stream=True)
        assert (response.request is request, response.read()) == (True, b"hello")
    assert spans(recorded.trace) == [GET]


def test_requests_at_once_are_each_a_span_below_their_own_task(server, recorded):
    async def one(client, number):
        with inprofile.span(f"task {number}", kind="cache"):
            await client.get("/slow" if number % 2 else "/hello")

    async def all_at_once():
        async with httpx.AsyncClient(base_url=server) as client:
            await asyncio.gather(*(one(client, number) for number in range(10)))

    with inprofile.job("work"):
        asyncio.run(all_at_once())
    trace = recorded.trace
    assert sorted(spans(trace, "http")) == sorted(
        ("http", "GET 127.0.0.1", f"task {number}", 1) for number in range(10)
    )
    assert sum(trace.stages.values()) == trace.wall_ns


def told(response):
    """All that a user can see of a response."""
    request = response.request
    return {
        "status": (response.status_code, response.reason_phrase, response.http_version),
        "headers": response.headers.multi_items(),
        "content": response.content,
        "cookies": dict(response.cookies),
        "history": [told(earlier) for earlier in response.history],
        "request": (request.method, str(request.url), request.headers.multi_items()),
        "extensions": sorted(response.extensions),
        "closed": response.is_closed,
        "next": response.next_request is None,
    }


def everything(ask, server):
    """Responses, events and errors of many kinds."""
    events = []

    def hook(name):
        def called(message):
            events.append((name, message.url.path))

        async def awaited(message):
            called(message)

        return awaited if ask is in_async else called

    responses = ask(
        server,
        ("GET", "/hello", {"params": {"a": "b"}, "headers": {"x-a": "b"}}),
        ("POST", "/echo", {"json": {"a": 1}}),
        ("GET", "/redirect", {}),
        ("GET", "/redirect", {"follow_redirects": False}),
        ("GET", "/cookie", {}),
        ("GET", "/private", {"auth": ("user", "secret")}),
        ("GET", "/parts", {}),
        ("GET", "/503", {}),
        follow_redirects=True,
        event_hooks={"request": [hook("request")], "response": [hook("response")]},
    )
    errors = []
    for path, options in (
        ("/loop", {"follow_redirects": True}),
        ("unknown://x", {}),
        ("/broken", {}),
    ):
        with pytest.raises(httpx.HTTPError) as error:
            ask(server, ("GET", path, {}), **options)
        errors.append((type(error.value), error.value.args, str(error.value.request.url)))
    return [told(response) for response in responses], events, errors


@both
def test_responses_and_errors_are_the_librarys_own(ask, server):
    inprofile.uninstrument()
    without = everything(ask, server)
    with record(), inprofile.job("work"):
        within = everything(ask, server)
    assert within == without
    basic = base64.b64encode(b"user:secret").decode()
    assert ("authorization", f"Basic {basic}") in within[0][5]["request"][2]


def test_a_client_that_is_closed_refuses_as_ever(server, recorded):
    client = httpx.Client()
    client.close()
    with inprofile.job("work"), pytest.raises(RuntimeError, match="client has been closed"):
        client.get(f"{server}/hello")
    assert [span.error for span in recorded.trace.spans if span.kind == "http"] == ["RuntimeError"]
