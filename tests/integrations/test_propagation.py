"""A trace goes on in the services that it calls: what each HTTP client sends, byte by byte."""

import asyncio
import http.client
import json
import os
import urllib.request
from collections.abc import Callable
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import urllib3

import inprofile
from inprofile.core.guard import guard
from inprofile.core.recorder import current
from inprofile.testing import record
from tests.integrations.wire import told, wire, without

BODY = json.dumps({"a": 1}).encode()
SESSION = {"x-session": "1"}
OWN = "00-11111111111111111111111111111111-2222222222222222-00"
ASKED = [("GET", "/hello", None), ("GET", "/redirect", None), ("POST", "/hello", BODY)]


@pytest.fixture(scope="module")
def server():
    with wire() as server:
        yield server


@pytest.fixture(autouse=True)
def _nothing_asked(server):
    server.take()


@pytest.fixture
def tracing(monkeypatch):
    monkeypatch.setenv("INPROFILE_TRACING", "1")


@pytest.fixture
def traced(tracing):
    with record() as recorded:
        yield recorded
    errors, guard.errors = guard.errors, 0
    assert errors == 0, guard.last


def parts(body):
    """A body whose length nobody knows."""
    yield from (body[:3], body[3:])


async def later(body):
    for part in parts(body):
        yield part


def by_httpx(url, asked, headers):
    with httpx.Client(headers=SESSION, follow_redirects=True) as client:
        for method, path, body in asked:
            client.request(method, url + path, headers=headers, content=body)
        client.post(url + "/hello", headers=headers, content=parts(BODY))


def by_httpx_async(url, asked, headers):
    async def ask():
        async with httpx.AsyncClient(headers=SESSION, follow_redirects=True) as client:
            for method, path, body in asked:
                await client.request(method, url + path, headers=headers, content=body)
            await client.post(url + "/hello", headers=headers, content=later(BODY))

    asyncio.run(ask())


def by_requests(url, asked, headers):
    with requests.Session() as session:
        session.headers.update(SESSION)
        for method, path, body in asked:
            session.request(method, url + path, headers=headers, data=body, timeout=5)
        session.post(url + "/hello", headers=headers, data=parts(BODY), timeout=5)


def by_urllib3(url, asked, headers):
    with urllib3.PoolManager(headers=SESSION) as pool:
        for method, path, body in asked:
            pool.request(method, url + path, headers=headers, body=body)
        pool.request("POST", url + "/hello", headers=headers, body=parts(BODY))


def by_aiohttp(url, asked, headers):
    async def ask():
        async with aiohttp.ClientSession(headers=SESSION) as session:
            for method, path, body in asked:
                async with session.request(method, url + path, headers=headers, data=body) as got:
                    await got.read()
            async with session.post(url + "/hello", headers=headers, data=later(BODY)) as got:
                await got.read()

    asyncio.run(ask())


def by_urllib(url, asked, headers):
    for method, path, body in asked:
        request = urllib.request.Request(url + path, body, headers or {}, method=method)
        with urllib.request.urlopen(request) as response:
            response.read()
    request = urllib.request.Request(url + "/hello", parts(BODY), headers or {}, method="POST")
    with urllib.request.urlopen(request) as response:
        response.read()


CLIENTS: dict[str, Callable[..., Any]] = {
    "httpx": by_httpx,
    "httpx async": by_httpx_async,
    "requests": by_requests,
    "urllib3": by_urllib3,
    "aiohttp": by_aiohttp,
    "urllib.request": by_urllib,
}
every = pytest.mark.parametrize("ask", CLIENTS.values(), ids=CLIENTS)


def bare(ask, server, headers=None):
    """The messages that a client sends without us."""
    inprofile.uninstrument()
    ask(server.url, ASKED, headers)
    return server.take()


# On the wire


@every
def test_without_tracing_every_byte_is_the_same_with_and_without_us(ask, server):
    messages = bare(ask, server, {"x-mine": "1"})
    with record(), inprofile.job("work"):
        ask(server.url, ASKED, {"x-mine": "1"})
    assert server.take() == messages
    assert len(messages) == len(ASKED) + 2  # one is sent on, and one has no length


@every
def test_with_tracing_each_message_has_one_more_line_that_tells_of_its_request(
    ask, server, tracing
):
    messages = bare(ask, server, {"x-mine": "1"})
    with record() as traced, inprofile.job("work"):
        ask(server.url, ASKED, {"x-mine": "1"})
    sent = server.take()
    assert [without(message, "traceparent") for message in sent] == messages
    trace = traced.trace
    plain, redirected, posted, streamed = [
        f"00-{trace.identity}-{span.identity}-01" for span in trace.spans if span.kind == "http"
    ]
    assert [told(message, "traceparent") for message in sent] == [
        [plain],
        [redirected],
        [redirected],
        [posted],
        [streamed],
    ]
    assert len({plain, redirected, posted, streamed}) == 4
    assert guard.errors == 0


@every
def test_outside_of_a_trace_nothing_is_sent(ask, server, traced):
    ask(server.url, ASKED, None)
    assert [told(message, "traceparent") for message in server.take()] == [[]] * 5


@every
@pytest.mark.parametrize("name", ["traceparent", "TraceParent"])
def test_a_header_that_is_there_already_stays_alone(ask, name, server, traced):
    with inprofile.job("work"):
        ask(server.url, ASKED, {name: OWN})
    sent = server.take()
    assert [told(message, "traceparent") for message in sent] == [[OWN]] * 5
    assert [span for span in traced.trace.spans if hasattr(span, "identity")] == []


@every
def test_the_users_headers_are_left_as_they_are(ask, server, traced):
    mine = {"x-mine": "1"}
    with inprofile.job("work"):
        ask(server.url, ASKED, mine)
    assert (mine, SESSION) == ({"x-mine": "1"}, {"x-session": "1"})


def test_a_request_of_the_users_can_be_sent_again_and_tells_of_its_new_span(server, traced):
    url = f"{server.url}/hello"
    with httpx.Client() as client, requests.Session() as session, inprofile.job("work"):
        ours = client.build_request("GET", url)
        theirs = session.prepare_request(requests.Request("GET", url))
        opened = urllib.request.Request(url)
        for _ in range(2):
            assert "traceparent" not in client.send(ours).request.headers
            assert "traceparent" not in session.send(theirs, timeout=5).request.headers
            with urllib.request.urlopen(opened) as response:
                response.read()
            assert not opened.has_header("Traceparent")
    sent = [told(message, "traceparent") for message in server.take()]
    assert sent == [
        [f"00-{traced.trace.identity}-{span.identity}-01"]
        for span in traced.trace.spans
        if span.kind == "http"
    ]
    assert len({*map(tuple, sent)}) == 6


def test_each_attempt_tells_of_the_same_request(server, traced):
    retries = urllib3.Retry(status=1, status_forcelist=[503])
    with urllib3.PoolManager() as pool, inprofile.job("work"):
        assert pool.request("GET", f"{server.url}/busy", retries=retries).data == b"hello"
    (span,) = [span for span in traced.trace.spans if span.kind == "http"]
    header = f"00-{traced.trace.identity}-{span.identity}-01"
    assert [told(message, "traceparent") for message in server.take()] == [[header]] * 2


def test_requests_at_once_tell_each_of_their_own_span(server, traced):
    async def all_at_once():
        async with httpx.AsyncClient() as client:
            await asyncio.gather(*(client.get(f"{server.url}/{n}") for n in range(10)))

    with inprofile.job("work"):
        asyncio.run(all_at_once())
    sent = {tuple(told(message, "traceparent")) for message in server.take()}
    assert sent == {
        (f"00-{traced.trace.identity}-{span.identity}-01",)
        for span in traced.trace.spans
        if span.kind == "http"
    }
    assert len(sent) == 10


def test_through_a_proxy_the_service_is_told_and_so_is_the_proxy(server, traced):
    with httpx.Client(proxy=server.url) as client, inprofile.job("work"):
        client.get("http://elsewhere.test/hello")
    with urllib3.ProxyManager(server.url) as pool, inprofile.job("work"):
        pool.request("GET", "http://elsewhere.test/hello")
    sent = server.take()
    assert [message.partition(b" HTTP")[0] for message in sent] == [
        b"GET http://elsewhere.test/hello"
    ] * 2
    assert [len(told(message, "traceparent")) for message in sent] == [1, 1]


# What is not a client's request, and what goes wrong


def test_http_client_itself_is_no_request_of_ours_and_fails_as_ever(server, traced):
    connection = http.client.HTTPConnection(*server.server_address)
    with inprofile.job("work"):
        connection.request("GET", "/hello")
        connection.getresponse().read()
        with inprofile.span("mine", kind="http"), pytest.raises(http.client.CannotSendHeader):
            connection.endheaders()
    connection.close()
    assert [told(message, "traceparent") for message in server.take()] == [[]]


def test_what_goes_wrong_with_us_does_not_stop_the_request(server, tracing, monkeypatch):
    def broken(_):
        raise OSError("no more random numbers")

    for ask in CLIENTS.values():
        messages = bare(ask, server)
        with record(), inprofile.job("work"), monkeypatch.context() as context:
            context.setattr(os, "urandom", broken)
            ask(server.url, ASKED, None)
            assert inprofile.status()["last_error"].startswith("OSError")
        guard.errors = 0
        assert server.take() == messages


def test_a_wrapper_that_another_tool_holds_on_to_is_silent_once_tracing_is_off(server, monkeypatch):
    monkeypatch.setenv("INPROFILE_TRACING", "1")
    connection = http.client.HTTPConnection
    original = connection.endheaders
    inprofile.instrument()
    ours = connection.endheaders

    def theirs(self, *args, **kwargs):
        return ours(self, *args, **kwargs)

    connection.endheaders = theirs  # type: ignore[method-assign]
    try:
        inprofile.uninstrument()
        monkeypatch.setenv("INPROFILE_TRACING", "0")
        with record() as recorded, inprofile.job("work"):
            by_urllib(server.url, ASKED, None)
    finally:
        inprofile.uninstrument()
        connection.endheaders = original  # type: ignore[method-assign]
    assert [told(message, "traceparent") for message in server.take()] == [[]] * 5
    assert len([span for span in recorded.trace.spans if span.kind == "http"]) == 4


# Whose trace it is


def test_chance_is_asked_once_and_the_services_are_told_what_it_said(server, tracing):
    with record() as recorded:
        inprofile.instrument()
        for rate in (0.0, 1.0):
            with inprofile.job("work"):
                span = current.get()
                assert span is not None
                span.trace.recorder.sample_rate = rate
                with urllib.request.urlopen(f"{server.url}/hello") as response:
                    response.read()
                span.trace.recorder.sample_rate = 1 - rate
    sent = [told(message, "traceparent")[0] for message in server.take()]
    assert [header[-3:] for header in sent] == ["-00", "-01"]
    assert [f"-{trace.identity}-" in sent[1] for trace in recorded.traces] == [True]
