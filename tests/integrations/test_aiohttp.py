"""aiohttp's client against a real server: one span a request, waiting for the body included."""

import asyncio
import gc
import warnings
import weakref
from statistics import median
from typing import Any

import aiohttp
import pytest
import yarl
from aiohttp import web

import inprofile
from inprofile.core.guard import guard
from inprofile.integrations._http import CONNECT, CONNECTION_WAIT, FIRST_BYTE
from inprofile.testing import record
from tests.integrations.answers import PAUSE_S, asked, nobody
from tests.integrations.outbound import GET, answered, http_spans
from tests.integrations.spans import attributes, spans


def run(work, **options):
    """What ``work`` makes of a session."""

    async def within():
        async with aiohttp.ClientSession(**options) as session:
            return await work(session)

    return asyncio.run(within())


def test_a_request_is_a_span_of_method_and_host(server, recorded):
    async def work(session):
        async with session.get(f"{server}/hello", params={"token": "secret"}) as response:
            assert await response.text() == "hello"
        async with session.post(url=yarl.URL(f"{server}/orders/17"), data=b"x") as response:
            assert await response.read() == b"x"
        response = await session.request("get", f"{server}/503")
        assert await response.read() == b"hello"

    with inprofile.job("work"):
        run(work)
    trace = recorded.trace
    assert spans(trace) == [GET, ("http", "POST 127.0.0.1", "work", 1), GET]
    assert attributes(trace, "http") == answered(
        ("GET", "/hello", 200),
        ("POST", "/orders/{id}", 201),
        ("GET", "/{id}", 503),
    )
    assert all(FIRST_BYTE in span.attributes for span in http_spans(trace))
    assert [CONNECT in span.attributes for span in http_spans(trace)] == [True, False, False]


@pytest.mark.parametrize(
    ("base", "path", "template"),
    [
        ("", "/hello", "/hello"),
        ("/api/", "orders/17?a=b", "/api/orders/{id}"),
        ("/api/", "/hello", "/hello"),
        ("/api/", yarl.URL("hello"), "/api/hello"),
    ],
)
def test_a_path_below_a_base_url_is_named_after_both(base, path, template, server, recorded):
    async def work(session):
        async with session.get(path) as response:
            return await response.text()

    with inprofile.job("work"):
        assert run(work, base_url=server + base) == "hello"
    assert spans(recorded.trace) == [GET]
    assert [each["url.template"] for each in attributes(recorded.trace, "http")] == [template]


def test_nothing_secret_is_in_a_span(server, recorded):
    own = server.replace("http://", "http://secret:secret@")

    async def work(session):
        for url in (f"{own}/hello?a=secret#secret", yarl.URL(f"{own}/hello?a=secret#secret")):
            async with session.get(url, headers={"x-key": "secret"}, cookies={"a": "secret"}):
                pass

    with inprofile.job("work"):
        run(work)
    assert spans(recorded.trace) == [GET, GET]
    assert "secret" not in repr([(s.name, s.attributes) for s in recorded.trace.spans])


def test_redirects_are_part_of_their_request(server, recorded):
    async def work(session):
        async with session.get(f"{server}/redirect") as followed:
            assert [each.status for each in followed.history] == [302]
        async with session.get(f"{server}/redirect", allow_redirects=False) as stayed:
            assert stayed.status == 302

    with inprofile.job("work"):
        run(work)
    assert spans(recorded.trace) == [GET, GET]
    told = attributes(recorded.trace, "http")
    assert [each["http.response.status_code"] for each in told] == [200, 302]


async def whole(response):
    return await response.read()


async def text(response):
    return (await response.text()).encode()


async def content(response):
    return await response.content.read()


async def chunked(response):
    return b"".join([part async for part in response.content.iter_chunked(2)])


async def as_they_come(response):
    return b"".join([part async for part in response.content.iter_any()])


async def as_they_were_sent(response):
    return b"".join([part async for part, _ in response.content.iter_chunks()])


async def lines(response):
    return b"".join([line async for line in response.content])


async def exactly(response):
    return await response.content.readexactly(6)


@pytest.mark.parametrize(
    "read", [whole, text, content, chunked, as_they_come, as_they_were_sent, lines, exactly]
)
@pytest.mark.parametrize("path", ["/slow-parts", "/slow-body"])
def test_waiting_for_the_body_is_its_requests_time(read, path, server, recorded):
    async def work(session):
        async with session.get(server + path) as response:
            return await read(response)

    with inprofile.job("work"):
        assert run(work) == b"onetwo"
    trace = recorded.trace
    assert spans(trace) == [GET]
    span = trace.spans[0]
    assert span.moved_ns > PAUSE_S * 1e9 / 2
    assert span.self_ns == span.duration_ns == trace.stages["http"]
    assert sum(trace.stages.values()) == trace.wall_ns


def test_bodies_at_once_go_to_their_own_requests(server, recorded):
    async def one(session, path):
        with inprofile.span(path, kind="cache"):
            async with session.get(server + path) as response:
                return await response.read()

    async def work(session):
        paths = ["/hello", "/slow-body", "/parts", "/slow-parts"] * 3
        return await asyncio.gather(*(one(session, path) for path in paths))

    with inprofile.job("work"):
        assert run(work) == [b"hello", b"onetwo", b"onetwo", b"onetwo"] * 3
    trace = recorded.trace
    waited: dict[bool, list[int]] = {True: [], False: []}
    for span in http_spans(trace):
        path = span.attributes["url.template"]
        assert span.parent.name == path
        waited[path.startswith("/slow")].append(span.moved_ns)
    assert median(waited[True]) > median(waited[False])
    assert len(http_spans(trace)) == 12
    assert sum(trace.stages.values()) == trace.wall_ns


def test_a_body_awaited_beside_other_work_leaves_the_stages_adding_up(server, recorded):
    async def other():
        with inprofile.span("other", kind="cache"):
            await asyncio.sleep(2 * PAUSE_S)

    async def body(session):
        async with session.get(f"{server}/slow-body") as response:
            return await response.read()

    async def work(session):
        return await asyncio.gather(body(session), other())

    with inprofile.job("work"):
        assert run(work) == [b"onetwo", None]
    trace = recorded.trace
    assert sorted(spans(trace)) == [("cache", "other", "work", 1), GET]
    assert sum(trace.stages.values()) == trace.wall_ns
    assert min(trace.stages.values()) >= 0


def test_a_body_that_another_trace_asked_for_stays_where_it_is_read(server, recorded):
    async def work(session):
        with inprofile.job("asks"):
            response = await session.get(f"{server}/slow-body")
        with inprofile.job("reads"):
            assert await response.read() == b"onetwo"

    run(work)
    assert recorded.traces[1].stages.keys() == {"handler"}


@pytest.mark.parametrize(
    ("path", "error", "options"),
    [
        ("/broken", "ServerDisconnectedError", {}),
        ("/slow", "SocketTimeoutError", {"timeout": aiohttp.ClientTimeout(sock_read=0.01)}),
        ("/slow", "TimeoutError", {"timeout": aiohttp.ClientTimeout(total=0.01)}),
        ("/loop", "TooManyRedirects", {}),
        ("/404", "ClientResponseError", {"raise_for_status": True}),
    ],
)
def test_a_request_that_fails_says_with_what(path, error, options, server, recorded):
    async def work(session):
        await session.get(server + path, **options)

    with inprofile.job("work"), pytest.raises((aiohttp.ClientError, TimeoutError)):
        run(work)
    assert [span.error for span in http_spans(recorded.trace)] == [error]
    (told,) = attributes(recorded.trace, "http")
    assert told.get("http.response.status_code") == {"/404": 404, "/loop": 302}.get(path)


def test_a_request_that_nobody_answers_says_so(recorded):
    async def work(session):
        await session.get(nobody())

    with inprofile.job("work"), pytest.raises(aiohttp.ClientConnectorError):
        run(work)
    assert [span.error for span in http_spans(recorded.trace)] == ["ClientConnectorError"]


def test_a_body_that_fails_is_its_requests_error(server, recorded):
    async def cut(session):
        async with session.get(f"{server}/cut") as response:
            await response.read()

    async def stopped(session):
        async with session.get(f"{server}/slow-body") as response:
            await asyncio.wait_for(response.read(), PAUSE_S / 4)

    with inprofile.job("work"), pytest.raises(aiohttp.ClientPayloadError):
        run(cut)
    with inprofile.job("work"), pytest.raises(TimeoutError):
        run(stopped)
    errors = [span.error for trace in recorded.traces for span in http_spans(trace)]
    assert errors == ["ClientPayloadError", "CancelledError"]


def test_waiting_for_a_connection_and_for_the_head_are_told_apart(server, recorded):
    async def work():
        connector = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(connector=connector) as session:

            async def one():
                async with session.get(f"{server}/slow") as response:
                    return await response.read()

            return await asyncio.gather(one(), one())

    with inprofile.job("work"):
        assert asyncio.run(work()) == [b"slow", b"slow"]
    first, second = (span.attributes for span in http_spans(recorded.trace))
    assert (CONNECTION_WAIT in first, CONNECT in first) == (False, True)
    assert first[FIRST_BYTE] > 30_000_000
    assert second[CONNECTION_WAIT] > 30_000_000
    assert second[FIRST_BYTE] > second[CONNECTION_WAIT] + 30_000_000


def test_a_websocket_is_a_request_and_its_messages_are_not(recorded):
    async def echo(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data)
        return socket

    async def talk():
        app = web.Application()
        app.router.add_get("/", echo)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0]
        with inprofile.job("work"):
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(f"http://{host}:{port}/") as socket,
            ):
                await socket.send_str("hi")
                assert await socket.receive_str() == "hi"
        await runner.cleanup()

    asyncio.run(talk())
    assert spans(recorded.trace) == [GET]
    assert attributes(recorded.trace, "http")[0]["http.response.status_code"] == 101


def test_nothing_keeps_a_response_alive(server, recorded):
    async def work(session):
        async with session.get(f"{server}/hello") as response:
            await response.read()
        gone = weakref.ref(response)
        del response
        gc.collect()
        return gone()

    with inprofile.job("work"):
        assert run(work) is None


def told(response, body):
    return (
        type(response),
        type(response.content),
        response.status,
        response.reason,
        response.raw_headers,
        body,
        str(response.url),
        {name: morsel.value for name, morsel in response.cookies.items()},
        [each.status for each in response.history],
        dict(response.request_info.headers),
    )


CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/hello", {"params": {"a": "b"}, "headers": {"x": "y"}}),
    ("POST", "/echo", {"json": {"a": 1}}),
    ("PUT", "/echo", {"data": b"x" * 100_000}),
    ("HEAD", "/hello", {}),
    ("GET", "/redirect", {}),
    ("GET", "/cookie", {}),
    ("GET", "/gzip-parts", {}),
    ("GET", "/big", {}),
    ("GET", "/404", {}),
]


async def conversation(session, server):
    asked.clear()
    results = []
    private = ("GET", "/private", {"auth": aiohttp.BasicAuth("user", "secret")})
    for method, path, more in [*CALLS, private]:
        async with session.request(method, server + path, **more) as response:
            results.append(told(response, await response.read()))
    wrong: list[tuple[Any, Any, dict[str, Any]]] = [
        ("GET", f"{server}/loop", {}),
        ("GET", f"{server}/broken", {}),
        ("GET", "unknown://x", {}),
        ("GET", "http://[oops", {}),
        ("GET", "no scheme", {}),
        ("GET", None, {}),
        ("GET", b"http://x", {}),
        ("GET", "http://127.0.0.1:1/" + "x" * 1_000_000, {}),
        (None, f"{server}/hello", {}),
        ("GET", f"{server}/hello", {"data": b"", "json": {}}),
        ("GET", f"{server}/hello", {"nonsense": 1}),
    ]
    for method, url, more in wrong:
        with pytest.raises(Exception) as error:  # noqa: PT011 - whatever it is
            await session.request(method, url, **more)
        results.append((type(error.value), str(error.value)))
    return results, asked[:]


def everything(server):
    """Responses, warnings and errors of many kinds, and what arrived at the server."""

    async def work(session):
        return await conversation(session, server)

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        results = run(work)
    return results, [(each.filename, each.lineno, str(each.message)) for each in warned]


def test_responses_warnings_and_errors_are_the_librarys_own(server):
    inprofile.uninstrument()
    without = everything(server)
    with record(), inprofile.job("work"):
        within = everything(server)
    assert within == without
    assert guard.errors == 0
