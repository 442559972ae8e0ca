"""What all HTTP clients share: one span whatever is underneath, bounded labels, bodies' spans."""

import threading
from contextlib import contextmanager

import httpx
import pytest
import requests
import urllib3
import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

import inprofile
from inprofile.core.metrics import HTTP_CLIENT
from inprofile.core.model import OTHER
from inprofile.core.recorder import current
from inprofile.integrations import _http
from tests.integrations.answers import PAUSE_S
from tests.integrations.spans import spans


class Text(str):
    """A text of the user's that does not want to be looked at."""

    __slots__ = ()

    def __hash__(self):
        raise RuntimeError("hashed")

    def __repr__(self):
        raise RuntimeError("looked at")

    __format__ = __str__ = __repr__  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("method", "host", "path", "name"),
    [
        ("GET", "x.test", "/a", "GET x.test"),
        ("get", "x.test", "/a", "GET x.test"),
        ("SECRET", "x.test", "/a", f"{OTHER} x.test"),
        ("GET", "h" * 10_000, "/a", "GET " + "h" * 253),
        ("GET", None, "/a", "GET"),
        (None, b"x", 5, OTHER),
        (Text("PUT"), Text("x.test"), Text("/a/5"), "PUT x.test"),
    ],
)
def test_names_are_few_and_short(method, host, path, name):
    assert _http.request(method, host, path)[0] == name


def test_a_url_that_is_a_class_of_the_users_is_read_without_its_methods():
    assert _http.request_url(Text("PUT"), Text("http://x.test/a/5")) == (
        "PUT x.test",
        {"http.request.method": "PUT", "server.address": "x.test", "url.template": "/a/{id}"},
    )


def test_the_bodies_that_are_remembered_are_bounded(recorded):
    bodies = [Body() for _ in range(_http.MAX_BODIES + 5)]
    with inprofile.job("work"):
        span = current.get()
        assert span is not None
        for body in bodies:
            _http.remember(span, body)
        assert span.trace.bodies is not None
        assert len(span.trace.bodies) == _http.MAX_BODIES
        assert (id(bodies[0]) in span.trace.bodies, id(bodies[-1]) in span.trace.bodies) == (
            False,
            True,
        )
        trace = span.trace
    assert trace.bodies is None


class Body:
    """What a client would read."""

    @_http.reading
    def read(self):
        current_span = current.get()
        assert current_span is not None
        return str(current_span.name)


def test_a_body_that_takes_the_place_of_one_that_is_gone_is_not_taken_for_it(recorded):
    with inprofile.job("work"):
        with inprofile.span("request", kind="http"):
            span = current.get()
        assert span is not None
        known, gone, new = Body(), Body(), Body()
        _http.remember(span, known)
        _http.remember(span, gone)
        bodies = span.trace.bodies
        assert bodies is not None
        bodies[id(new)] = bodies.pop(id(gone))  # as if it had got the same address
        del gone
        assert (known.read(), new.read()) == ("request", "work")


def test_a_request_within_another_clients_request_is_counted_once(server, recorded):
    class Below(httpx.BaseTransport):
        def handle_request(self, request):
            answer = requests.get(str(request.url), timeout=5)
            return httpx.Response(answer.status_code, content=answer.content)

    with inprofile.job("work"), httpx.Client(transport=Below()) as client:
        assert client.get(f"{server}/hello").text == "hello"
    assert spans(recorded.trace) == [("http", "GET 127.0.0.1", "work", 1)]


def test_a_span_of_the_users_kind_http_takes_the_request_and_keeps_its_name(server, recorded):
    with inprofile.job("work"), inprofile.span("prices", kind="http"):
        urllib3.request("GET", f"{server}/hello")
    assert spans(recorded.trace) == [("http", "prices", "work", 1)]


def test_a_request_counts_with_its_body_in_the_metrics(server, recorded):
    with inprofile.job("work"):
        with requests.get(f"{server}/slow-body", stream=True, timeout=5) as response:
            assert response.content == b"onetwo"
        requests.request("SECRET", f"{server}/hello?secret", timeout=5)
    name = HTTP_CLIENT.name.replace(".", "_") + "_seconds"
    (family,) = [each for each in inprofile.collector().collect() if each.name == name]
    sums = {
        (sample.labels["http_request_method"], sample.labels["http_response_status_code"]): (
            sample.value
        )
        for sample in family.samples
        if sample.name.endswith("_sum")
    }
    assert sums.keys() == {("GET", "200"), (OTHER, "501")}
    assert sums["GET", "200"] == pytest.approx(recorded.trace.spans[0].duration_ns / 1e9)
    assert "secret" not in repr(family).lower()


@contextmanager
def proxy(server):
    """An app that hands on what it reads, behind a real server; when it ends, so has its trace."""
    app = FastAPI()

    @app.get("/proxy")
    async def handed_on() -> StreamingResponse:
        client = httpx.AsyncClient()
        request = client.build_request("GET", f"{server}/slow-body")
        response = await client.send(request, stream=True)

        async def parts():
            async for part in response.aiter_bytes():
                yield part
            await response.aclose()
            await client.aclose()

        return StreamingResponse(parts())

    inprofile.instrument(app)
    config = uvicorn.Config(app, port=0, log_level="critical", lifespan="off", loop="asyncio")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        thread.join(0.01)
    port = running.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/proxy"
    finally:
        running.should_exit = True
        thread.join()


def test_a_body_handed_on_by_a_streaming_response_is_its_requests_time(server, recorded):
    with proxy(server) as url:
        assert httpx.get(url).content == b"onetwo"
    trace = recorded.trace
    (span,) = [span for span in trace.spans if span.kind == "http"]
    assert span.name == "GET 127.0.0.1"
    assert span.moved_ns > PAUSE_S * 1e9 / 2
    assert trace.stages["http"] == span.self_ns
    assert sum(trace.stages.values()) == trace.wall_ns
