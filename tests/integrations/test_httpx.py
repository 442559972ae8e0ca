"""httpx against a real server: each request is timed, named without secrets, and the same."""

import asyncio
import base64
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

import inprofile
from inprofile.testing import record
from tests.integrations.spans import spans

GET = ("http", "GET 127.0.0.1", "work", 1)


class Answers(BaseHTTPRequestHandler):
    """What the tests ask for, by path."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/redirect":
            self.answer(302, location="/hello")
        elif path == "/loop":
            self.answer(302, location="/loop")
        elif path == "/cookie":
            self.answer(200, b"cookie", **{"set-cookie": "a=b"})
        elif path == "/private" and "authorization" not in self.headers:
            self.answer(401, **{"www-authenticate": 'Basic realm="x"'})
        elif path == "/broken":
            self.close_connection = True
        elif path == "/slow":
            time.sleep(0.03)
            self.answer(200, b"slow")
        elif path == "/parts":
            self.send_response(200)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for part in (b"one", b"two"):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.answer(503 if path == "/503" else 200, b"hello")

    def do_POST(self):
        self.answer(201, self.rfile.read(int(self.headers["content-length"])))

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def date_time_string(self, timestamp=None):
        return "Thu, 01 Jan 1970 00:00:00 GMT"

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    """The address of a server on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def closed():
    """An address at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return f"http://127.0.0.1:{port}"


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


def attributes(trace):
    return [span.attributes for span in trace.spans if span.kind == "http"]


@both
def test_a_request_is_a_span_of_method_and_host(ask, server, recorded):
    with inprofile.job("work"):
        ask(
            server, ("GET", "/hello", {}), ("POST", "/echo", {"content": b"x"}), ("GET", "/503", {})
        )
    assert spans(recorded.trace) == [GET, ("http", "POST 127.0.0.1", "work", 1), GET]
    assert attributes(recorded.trace) == [
        {
            "http.request.method": method,
            "server.address": "127.0.0.1",
            "http.response.status_code": status,
        }
        for method, status in [("GET", 200), ("POST", 201), ("GET", 503)]
    ]


@both
def test_nothing_secret_is_in_a_name(ask, server, recorded):
    secrets = {
        "params": {"token": "secret"},
        "headers": {"x-key": "secret"},
        "auth": ("user", "secret"),
    }
    own = server.replace("http://", "http://secret:secret@")
    with inprofile.job("work"):
        ask(server, ("GET", "/hello/secret", secrets), ("GET", f"{own}/hello#secret", {}))
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
    assert [each["http.response.status_code"] for each in attributes(recorded.trace)] == [200, 401]


@both
def test_waiting_for_an_answer_is_the_requests_time(ask, server, recorded):
    with inprofile.job("work"):
        ask(server, ("GET", "/slow", {}))
    trace = recorded.trace
    assert trace.stages["http"] > 30_000_000
    assert sum(trace.stages.values()) == trace.wall_ns


@both
def test_a_request_that_nobody_answers_says_so(ask, closed, recorded):
    with inprofile.job("work"), pytest.raises(httpx.ConnectError):
        ask(closed, ("GET", "/", {}))
    (span,) = [span for span in recorded.trace.spans if span.kind == "http"]
    assert (span.name, span.error, span.attributes) == (
        "GET 127.0.0.1",
        "ConnectError",
        {"http.request.method": "GET", "server.address": "127.0.0.1"},
    )


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
