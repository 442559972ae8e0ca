"""urllib3 against a real server: one span a call, bodies included, and the same as ever."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pytest
import urllib3
from urllib3.exceptions import (
    EmptyPoolError,
    HTTPError,
    IncompleteRead,
    MaxRetryError,
    ProtocolError,
    ReadTimeoutError,
)
from urllib3.util import Retry, Timeout

import inprofile
from inprofile.core.guard import guard
from inprofile.integrations._http import CONNECT, CONNECTION_WAIT, FIRST_BYTE
from inprofile.testing import record
from tests.integrations.answers import PAUSE_S, asked, nobody
from tests.integrations.outbound import GET, answered, check_parents_in_threads, http_spans
from tests.integrations.spans import attributes, spans


@pytest.fixture
def pool():
    with urllib3.PoolManager() as pool:
        yield pool


def test_a_call_is_a_span_of_method_and_host(pool, server, recorded):
    with inprofile.job("work"):
        pool.request("GET", f"{server}/hello?token=secret")
        pool.request(method="POST", url=f"{server}/orders/17", body=b"x")
        pool.request("get", f"{server}/503")
    assert spans(recorded.trace) == [GET, ("http", "POST 127.0.0.1", "work", 1), GET]
    assert attributes(recorded.trace, "http") == answered(
        ("GET", "/hello", 200),
        ("POST", "/orders/{id}", 201),
        ("GET", "/{id}", 503),
    )


def test_nothing_secret_is_in_a_span(pool, server, recorded):
    own = server.replace("http://", "http://secret:secret@")
    with inprofile.job("work"):
        pool.request("GET", f"{own}/hello?a=secret#secret", headers={"x-key": "secret"})
    assert "secret" not in repr([(s.name, s.attributes) for s in recorded.trace.spans])


def test_redirects_and_retries_are_part_of_their_call(pool, server, recorded):
    with inprofile.job("work"):
        assert pool.request("GET", f"{server}/redirect").data == b"hello"
        again = Retry(total=2, status_forcelist=[503], raise_on_status=False)
        assert pool.request("GET", f"{server}/503", retries=again).status == 503
    assert spans(recorded.trace) == [GET, GET]


def test_a_pool_of_one_host_is_timed_too(server, recorded):
    host = server.removeprefix("http://127.0.0.1:")
    with urllib3.HTTPConnectionPool("127.0.0.1", int(host)) as pool, inprofile.job("work"):
        assert pool.urlopen("GET", "/redirect").data == b"hello"
        assert pool.request("GET", "/orders/17").data == b"hello"
    assert [each["url.template"] for each in attributes(recorded.trace, "http")] == [
        "/redirect",
        "/orders/{id}",
    ]


def test_a_proxied_request_is_named_after_its_host(server, recorded):
    with urllib3.ProxyManager(server) as proxy, inprofile.job("work"):
        assert proxy.request("GET", "http://example.test/orders/17").data == b"hello"
    assert spans(recorded.trace) == [("http", "GET example.test", "work", 1)]


def whole(response):
    return response.read()


def parts(response):
    return b"".join(iter(lambda: response.read(2), b""))


def one_by_one(response):
    return b"".join(iter(lambda: response.read1(2), b""))


def stream(response):
    return b"".join(response.stream(2))


def iterate(response):
    return b"".join(response)


def into(response):
    room = bytearray(6)
    assert response.readinto(room) == 6
    return bytes(room)


@pytest.mark.parametrize("read", [whole, parts, stream, iterate])
@pytest.mark.parametrize("path", ["/slow-parts", "/slow-body"])
def test_reading_a_streamed_body_is_its_calls_time(read, path, pool, server, recorded):
    with inprofile.job("work"):
        response = pool.request("GET", server + path, preload_content=False)
        assert read(response) == b"onetwo"
        response.release_conn()
    trace = recorded.trace
    assert spans(trace) == [GET]
    span = trace.spans[0]
    assert span.moved_ns > PAUSE_S * 1e9 / 2
    assert span.self_ns == span.duration_ns == trace.stages["http"]
    assert sum(trace.stages.values()) == trace.wall_ns


@pytest.mark.parametrize("read", [one_by_one, into])
def test_other_ways_to_read_count_as_well(read, pool, server, recorded):
    with inprofile.job("work"):
        response = pool.request("GET", f"{server}/slow-body", preload_content=False)
        assert read(response) == b"onetwo"
        response.release_conn()
    assert http_spans(recorded.trace)[0].moved_ns > PAUSE_S * 1e9 / 2


def test_bodies_read_in_turns_go_to_their_own_calls(pool, server, recorded):
    with inprofile.job("work"):
        quick = pool.request("GET", f"{server}/big", preload_content=False)
        slow = pool.request("POST", f"{server}/echo", body=b"onetwo", preload_content=False)
        late = pool.request("GET", f"{server}/slow-body", preload_content=False)
        for response in (quick, late, slow):
            assert len(response.read(3)) == 3
        for response in (late, slow, quick):
            response.read()
            response.release_conn()
    moved = {span.attributes["url.template"]: span.moved_ns for span in http_spans(recorded.trace)}
    assert moved["/slow-body"] > moved["/echo"] > 0


def test_a_body_that_another_trace_asked_for_stays_where_it_is_read(pool, server, recorded):
    with inprofile.job("asks"):
        response = pool.request("GET", f"{server}/slow-body", preload_content=False)
    with inprofile.job("reads"):
        assert response.read() == b"onetwo"
    response.release_conn()
    assert recorded.traces[1].stages.keys() == {"handler"}


def test_errors_say_with_what(pool, server, recorded):
    with inprofile.job("work"):
        with pytest.raises(MaxRetryError):
            pool.request("GET", f"{nobody()}/", retries=0)
        with pytest.raises(ReadTimeoutError):
            pool.request(
                "GET", f"{server}/slow", retries=False, timeout=Timeout(connect=5, read=0.01)
            )
        with pytest.raises(ProtocolError):
            pool.request("GET", f"{server}/broken", retries=False)
        with pytest.raises(MaxRetryError):
            pool.request("GET", f"{server}/loop")
    seen = [(span.error, CONNECT in span.attributes) for span in http_spans(recorded.trace)]
    assert [error for error, _ in seen] == [
        "MaxRetryError",
        "ReadTimeoutError",
        "ProtocolError",
        "MaxRetryError",
    ]
    told = attributes(recorded.trace, "http")
    assert [each.get("http.response.status_code") for each in told] == [None, None, None, 302]


@pytest.mark.parametrize(
    ("path", "timeout", "error"),
    [("/slow-body", 0.005, ReadTimeoutError), ("/cut", 5, IncompleteRead)],
)
def test_a_body_that_fails_is_its_calls_error(path, timeout, error, pool, server, recorded):
    with inprofile.job("work"):
        response = pool.request(
            "GET",
            server + path,
            preload_content=False,
            timeout=Timeout(connect=5, read=timeout),
        )
        with pytest.raises((error, ProtocolError)) as raised:
            response.read()
        response.close()
    assert [span.error for span in http_spans(recorded.trace)] == [type(raised.value).__name__]


def test_waiting_for_a_connection_and_for_the_head_are_told_apart(server, recorded):
    with (
        urllib3.PoolManager(maxsize=1, block=True) as pool,
        ThreadPoolExecutor(2) as threads,
        inprofile.job("work"),
    ):
        asks = [
            threads.submit(copy_context().run, pool.request, "GET", f"{server}/slow")
            for _ in range(2)
        ]
        assert [each.result().data for each in asks] == [b"slow", b"slow"]
    trace = recorded.trace
    first, second = sorted(
        (span.attributes for span in http_spans(trace)),
        key=lambda each: each.get(CONNECTION_WAIT, 0),
    )
    assert second[CONNECTION_WAIT] - first.get(CONNECTION_WAIT, 0) > 15_000_000
    assert (CONNECT in first, CONNECT in second) == (True, False)
    assert first[FIRST_BYTE] > 30_000_000
    assert second[FIRST_BYTE] > second[CONNECTION_WAIT] + 30_000_000
    assert sum(trace.stages.values()) == trace.wall_ns


def test_a_pool_that_stays_empty_says_how_long_it_was_waited_for(server, recorded):
    port = int(server.removeprefix("http://127.0.0.1:"))
    with urllib3.HTTPConnectionPool("127.0.0.1", port, maxsize=1, block=True) as pool:
        held = pool.request("GET", "/parts", preload_content=False)
        with inprofile.job("work"), pytest.raises(EmptyPoolError):
            pool.request("GET", "/hello", pool_timeout=0.01, retries=False)
        held.read()
        held.release_conn()
    (span,) = http_spans(recorded.trace)
    assert span.error == "EmptyPoolError"
    assert span.attributes[CONNECTION_WAIT] > 9_000_000
    assert FIRST_BYTE not in span.attributes


def test_calls_in_threads_have_their_own_parents(pool, server, recorded):
    check_parents_in_threads(lambda: pool.request("GET", f"{server}/hello"), recorded)


def told(response):
    return (
        type(response),
        response.status,
        response.reason,
        list(response.headers.items()),
        response.data,
        response.geturl(),
    )


def everything(pool, server):
    """Responses, warnings and errors of many kinds, and what arrived at the server."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        results = conversation(pool, server)
    return results, [(each.filename, each.lineno, str(each.message)) for each in warned]


CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/hello", {"fields": {"a": "b"}, "headers": {"x": "y"}}),
    ("POST", "/echo", {"json": {"a": 1}}),
    ("PUT", "/echo", {"body": b"x" * 10_000}),
    ("HEAD", "/hello", {}),
    ("DELETE", "/hello", {}),
    ("GET", "/redirect", {}),
    ("GET", "/redirect", {"redirect": False}),
    ("GET", "/gzip-parts", {}),
    ("GET", "/big", {}),
    ("GET", "/404", {}),
]


def conversation(pool, server):
    asked.clear()
    results = [told(pool.request("GET", f"{server.removeprefix('http://')}/hello"))]
    for method, path, more in CALLS:
        results.append(told(pool.request(method, server + path, **more)))
    wrong: list[tuple[Any, Any, dict[str, Any]]] = [
        ("GET", f"{server}/loop", {}),
        ("GET", f"{server}/broken", {"retries": False}),
        ("GET", "unknown://x", {}),
        ("GET", "http://[oops", {}),
        ("GET", None, {}),
        ("GET", b"http://x", {}),
        (None, f"{server}/hello", {}),
        (b"GET", f"{server}/hello", {}),
        ("GET\r\n", f"{server}/hello", {}),
    ]
    for method, url, more in wrong:
        with pytest.raises((HTTPError, TypeError, AttributeError, ValueError)) as error:
            pool.request(method, url, **more)
        results.append((type(error.value), str(error.value).partition("object at")[0]))
    return results, asked[:]


def test_responses_warnings_and_errors_are_the_librarys_own(pool, server):
    inprofile.uninstrument()
    without = everything(pool, server)
    with record(), inprofile.job("work"):
        within = everything(pool, server)
    assert within == without
    assert len(without[1]) > 0, "a warning that looks for its caller"
    assert guard.errors == 0


def test_nothing_keeps_a_response_alive(pool, server, recorded):
    import gc
    import weakref

    with inprofile.job("work"):
        response = pool.request("GET", f"{server}/hello", preload_content=False)
        response.read()
        response.release_conn()
        gone = weakref.ref(response)
        del response
        gc.collect()
        assert gone() is None
