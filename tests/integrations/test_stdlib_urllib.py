"""urllib.request against a real server: one span for each URL that is opened."""

import http.client
import urllib.request
from typing import Any
from urllib.error import HTTPError, URLError

import pytest

import inprofile
from inprofile.core.guard import guard
from inprofile.integrations._http import FIRST_BYTE
from inprofile.testing import record
from tests.integrations.answers import PAUSE_S, asked, nobody
from tests.integrations.outbound import GET, answered, http_spans
from tests.integrations.spans import attributes, spans


def opened(url, data=None, **more):
    with urllib.request.urlopen(url, data, **more) as response:
        return response.read()


def test_opening_a_url_is_a_span_of_method_and_host(server, recorded):
    put = urllib.request.Request(f"{server}/orders/17", data=b"x", method="PUT")
    with inprofile.job("work"):
        assert opened(f"{server}/hello?token=secret#secret") == b"hello"
        assert opened(url=f"{server}/echo", data=b"x") == b"x"
        assert opened(put) == b"x"
        assert opened(urllib.request.Request(f"{server}/redirect")) == b"hello"
    trace = recorded.trace
    assert spans(trace) == [
        GET,
        ("http", "POST 127.0.0.1", "work", 1),
        ("http", "PUT 127.0.0.1", "work", 1),
        GET,
    ]
    assert attributes(trace, "http") == answered(
        ("GET", "/hello", 200),
        ("POST", "/echo", 201),
        ("PUT", "/orders/{id}", 201),
        ("GET", "/redirect", 200),
    )
    assert all(FIRST_BYTE in span.attributes for span in http_spans(trace))


def test_an_opener_of_the_users_is_timed_too(server, recorded):
    with inprofile.job("work"), urllib.request.build_opener().open(f"{server}/hello") as response:
        assert response.read() == b"hello"
    assert spans(recorded.trace) == [GET]


def test_other_schemes_are_not_http(tmp_path, recorded):
    (tmp_path / "x").write_text("x")
    with inprofile.job("work"):
        assert opened((tmp_path / "x").as_uri()) == b"x"
        assert opened("data:,hi") == b"hi"
    assert spans(recorded.trace) == []


def whole(response):
    return response.read()


def parts(response):
    return b"".join(iter(lambda: response.read(2), b""))


def one_by_one(response):
    return b"".join(iter(lambda: response.read1(2), b""))


def lines(response):
    return b"".join(response)


def into(response):
    room = bytearray(6)
    read = response.readinto(room)
    while read < len(room):
        read += response.readinto(memoryview(room)[read:])
    return bytes(room)


@pytest.mark.parametrize("read", [whole, parts, one_by_one, lines, into])
@pytest.mark.parametrize("path", ["/slow-parts", "/slow-body"])
def test_reading_the_body_is_its_requests_time(read, path, server, recorded):
    with inprofile.job("work"), urllib.request.urlopen(server + path) as response:
        assert read(response) == b"onetwo"
    trace = recorded.trace
    assert spans(trace) == [GET]
    span = trace.spans[0]
    assert span.moved_ns > PAUSE_S * 1e9 / 2
    assert span.self_ns == span.duration_ns == trace.stages["http"]
    assert sum(trace.stages.values()) == trace.wall_ns


@pytest.mark.parametrize(
    ("path", "timeout", "error", "status"),
    [
        ("/404", 5, HTTPError, 404),
        ("/503", 5, HTTPError, 503),
        ("/slow", 0.01, TimeoutError, None),
        ("/broken", 5, http.client.RemoteDisconnected, None),
    ],
)
def test_a_request_that_fails_says_with_what(path, timeout, error, status, server, recorded):
    with inprofile.job("work"), pytest.raises((error, URLError)) as raised:
        urllib.request.urlopen(server + path, timeout=timeout)
    if isinstance(raised.value, HTTPError):
        raised.value.close()
    assert [span.error for span in http_spans(recorded.trace)] == [type(raised.value).__name__]
    (told,) = attributes(recorded.trace, "http")
    assert told.get("http.response.status_code") == status


def test_a_request_that_nobody_answers_says_so(recorded):
    with inprofile.job("work"), pytest.raises(URLError):
        urllib.request.urlopen(nobody())
    assert [span.error for span in http_spans(recorded.trace)] == ["URLError"]


def test_a_body_that_ends_early_is_its_requests_error(server, recorded):
    cut = pytest.raises(http.client.IncompleteRead)
    with inprofile.job("work"), urllib.request.urlopen(f"{server}/cut") as response, cut:
        response.read()
    assert [span.error for span in http_spans(recorded.trace)] == ["IncompleteRead"]


def test_http_client_by_itself_is_left_alone(server, recorded):
    with inprofile.job("work"):
        connection = http.client.HTTPConnection(server.removeprefix("http://"))
        connection.request("GET", "/hello")
        assert connection.getresponse().read() == b"hello"
        connection.close()
    assert spans(recorded.trace) == []


def told(url, data=None):
    with urllib.request.urlopen(url, data) as response:
        return (
            type(response),
            response.status,
            response.geturl(),
            response.getheaders(),
            response.read(),
            response.isclosed(),
        )


def everything(server):
    asked.clear()
    results = [
        told(url, data)
        for url, data in [
            (f"{server}/hello", None),
            (f"{server}/echo", b"x" * 1_000_000),
            (f"{server}/redirect", None),
            (f"{server}/gzip-parts", None),
            (f"{server}/big", None),
            (urllib.request.Request(f"{server}/hello", method="HEAD"), None),
        ]
    ]
    errors = []
    wrong: list[Any] = [
        f"{server}/loop",
        f"{server}/404",
        "unknown://x",
        "http://[oops",
        "no scheme",
        "http:",
        None,
        5,
        b"http://x",
        "http://127.0.0.1:1/" + "x" * 10_000_000,
    ]
    for url in wrong:
        with pytest.raises(Exception) as error:  # noqa: PT011 - whatever it is
            urllib.request.urlopen(url)
        if isinstance(error.value, HTTPError):
            error.value.close()
        errors.append((type(error.value), str(error.value)))
    return results, errors, asked[:]


def test_responses_and_errors_are_the_librarys_own(server):
    inprofile.uninstrument()
    without = everything(server)
    with record(), inprofile.job("work"):
        within = everything(server)
    assert within == without
    assert guard.errors == 0
