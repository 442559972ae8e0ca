"""requests against a real server: one span a request, redirects and bodies included."""

import pickle
from http import HTTPMethod
from typing import Any

import pytest
import requests

import inprofile
from inprofile.core.guard import guard
from inprofile.integrations._http import CONNECT, CONNECTION_WAIT, FIRST_BYTE
from inprofile.testing import record
from tests.integrations.answers import PAUSE_S, asked, nobody
from tests.integrations.outbound import GET, answered, check_parents_in_threads, http_spans
from tests.integrations.spans import attributes, spans


@pytest.fixture
def session():
    with requests.Session() as session:
        yield session


def test_a_request_is_one_span_of_method_and_host(session, server, recorded):
    with inprofile.job("work"):
        session.get(f"{server}/hello", params={"token": "secret"})
        requests.post(url=f"{server}/orders/17", data=b"x", timeout=5)
        session.request(HTTPMethod.GET, f"{server}/503")
    trace = recorded.trace
    assert spans(trace) == [GET, ("http", "POST 127.0.0.1", "work", 1), GET]
    assert attributes(trace, "http") == answered(
        ("GET", "/hello", 200),
        ("POST", "/orders/{id}", 201),
        ("GET", "/{id}", 503),
    )
    assert [type(name) for span in http_spans(trace) for name in span.attributes.values()].count(
        HTTPMethod
    ) == 0
    for span in http_spans(trace):
        # Nobody waits for a connection, but the machine may hold up who takes one.
        assert span.attributes.get(CONNECTION_WAIT, 0) < span.attributes[FIRST_BYTE]
    assert [CONNECT in span.attributes for span in http_spans(trace)] == [True, True, False]


def test_who_gets_a_connection_at_once_tells_no_wait(session, server, recorded):
    with inprofile.job("work"):
        for _ in range(21):
            session.get(f"{server}/hello")
    waits = sorted(each.attributes.get(CONNECTION_WAIT, 0) for each in http_spans(recorded.trace))
    assert waits[len(waits) // 2] == 0  # the machine may hold up one that takes a connection


def test_nothing_secret_is_in_a_span(session, server, recorded):
    own = server.replace("http://", "http://secret:secret@")
    with inprofile.job("work"):
        session.get(f"{own}/hello#secret", headers={"x-key": "secret"}, cookies={"a": "secret"})
        session.get(f"{server}/hello", auth=("secret", "secret"))
    assert "secret" not in repr([(s.name, s.attributes) for s in recorded.trace.spans])


def test_redirects_are_part_of_their_request(session, server, recorded):
    with inprofile.job("work"):
        followed = session.get(f"{server}/redirect")
        stayed = session.get(f"{server}/redirect", allow_redirects=False)
    assert [response.status_code for response in followed.history] == [302]
    assert stayed.next.url == f"{server}/hello"
    assert spans(recorded.trace) == [GET, GET]
    told = attributes(recorded.trace, "http")
    assert [each["http.response.status_code"] for each in told] == [200, 302]


def content(response):
    return response.content


def in_chunks(response):
    return b"".join(response.iter_content(2))


def as_they_come(response):
    return b"".join(response.iter_content(None))


def lines(response):
    return b"".join(response.iter_lines())


def raw(response):
    return response.raw.read(decode_content=True)


READS = [content, in_chunks, as_they_come, lines, raw]


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("path", ["/slow-parts", "/slow-body"])
def test_reading_a_streamed_body_is_its_requests_time(read, path, session, server, recorded):
    with inprofile.job("work"), session.get(server + path, stream=True) as response:
        assert read(response) == b"onetwo"
    trace = recorded.trace
    assert spans(trace) == [GET]
    span = trace.spans[0]
    assert span.moved_ns > PAUSE_S * 1e9 / 2
    assert span.self_ns == span.duration_ns == trace.stages["http"]
    assert sum(trace.stages.values()) == trace.wall_ns


def test_work_between_the_chunks_is_the_users_own(session, server, recorded):
    with inprofile.job("work"), session.get(f"{server}/slow-parts", stream=True) as response:
        for _ in response.iter_content(None):
            with inprofile.span("work on a chunk", kind="serialization"):
                pass
    seen = spans(recorded.trace, "serialization")
    assert seen == [("serialization", "work on a chunk", "work", 1)] * 2


def test_a_body_of_thousands_of_chunks_is_one_span(session, server, recorded):
    with inprofile.job("work"), session.get(f"{server}/big", stream=True) as response:
        assert sum(map(len, response.iter_content(1000))) == 10_000_000
    assert spans(recorded.trace) == [GET]
    assert sum(recorded.trace.stages.values()) == recorded.trace.wall_ns


@pytest.mark.parametrize(
    ("path", "error"),
    [("/broken", "ConnectionError"), ("/slow", "ReadTimeout"), ("/loop", "TooManyRedirects")],
)
def test_a_request_that_fails_says_with_what(path, error, session, server, recorded):
    with inprofile.job("work"), pytest.raises(getattr(requests, error)):
        session.get(server + path, timeout=(5, 0.01 if path == "/slow" else 5))
    assert [span.error for span in http_spans(recorded.trace)] == [error]


def test_a_request_that_nobody_answers_says_so(session, recorded):
    with inprofile.job("work"), pytest.raises(requests.ConnectionError):
        session.get(nobody())
    assert [span.error for span in http_spans(recorded.trace)] == ["ConnectionError"]


def test_a_body_that_ends_early_is_its_requests_error(session, server, recorded):
    broken = pytest.raises(requests.exceptions.ChunkedEncodingError)
    with inprofile.job("work"), session.get(f"{server}/cut", stream=True) as response, broken:
        list(response.iter_content(10))
    assert [span.error for span in http_spans(recorded.trace)] == ["ProtocolError"]


class Files(requests.adapters.BaseAdapter):
    """An adapter that sends nothing."""

    def send(self, request, **_):  # type: ignore[override]
        response = requests.Response()
        response.status_code, response.request, response.url = 200, request, request.url
        response._content = b"file"
        return response

    def close(self):
        pass


def test_an_adapter_of_the_users_is_served(session, recorded):
    session.mount("file://", Files())
    session.mount("http://of.mine", Files())
    with inprofile.job("work"):
        assert session.get("file:///etc/passwd").content == b"file"
        assert session.get("http://of.mine/x").content == b"file"
    assert spans(recorded.trace) == [("http", "GET of.mine", "work", 1)]
    assert guard.errors == 0


def test_requests_in_threads_have_their_own_parents(server, recorded):
    check_parents_in_threads(lambda: requests.get(f"{server}/slow-body", timeout=5), recorded)


def test_outside_of_a_trace_nothing_happens(session, server):
    with record() as recorded:
        assert session.get(f"{server}/hello").text == "hello"
    assert recorded.traces == []


def told(response):
    again = pickle.loads(pickle.dumps(response))
    return (
        type(response),
        type(response.raw),
        response.status_code,
        response.reason,
        list(response.headers.items()),
        response.content,
        again.content,
        response.url,
        dict(response.cookies),
        [told(each) for each in response.history],
        list(response.request.headers.items()),
    )


class Unsaid(str):
    """Text that does not want to be looked at."""

    __slots__ = ()

    def __repr__(self):
        raise RuntimeError("repr of the user's")

    __format__ = __hash__ = __repr__  # type: ignore[assignment]


CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/hello", {"params": {"a": "b"}, "headers": {"x": "y"}}),
    ("POST", "/echo", {"json": {"a": 1}}),
    ("PUT", "/echo", {"data": b"x" * 1_000_000}),
    ("HEAD", "/hello", {}),
    ("GET", "/redirect", {}),
    ("GET", "/redirect", {"allow_redirects": False}),
    ("GET", "/private", {"auth": ("user", "secret")}),
    ("GET", "/cookie", {}),
    ("GET", "/gzip-parts", {"stream": True}),
    ("GET", "/big", {"stream": True}),
    ("GET", "/404", {}),
]


def everything(session, server):
    asked.clear()
    results = [told(session.request(method, server + path, **more)) for method, path, more in CALLS]
    wrong: list[tuple[Any, Any, dict[str, Any]]] = [
        ("GET", f"{server}/loop", {}),
        ("GET", f"{server}/broken", {}),
        ("GET", "unknown://x", {}),
        ("GET", "http://[oops", {}),
        ("GET", "no scheme", {}),
        ("GET", None, {}),
        ("GET", 5, {}),
        ("GET", b"\xff\xfe", {}),
        ("GET", "http://127.0.0.1:1/" + "x" * 1_000_000, {"timeout": 1}),
        ("GET\r\n", f"{server}/hello", {}),
        (Unsaid("GET"), f"{server}/hello", {"timeout": "soon"}),
    ]
    for method, url, more in wrong:
        with pytest.raises(Exception) as error:  # noqa: PT011 - whatever it is
            session.request(method, url, **more)
        results.append((type(error.value), len(error.value.args)))
    for unprepared in (None, b"", requests.Request("GET", f"{server}/hello")):
        with pytest.raises((ValueError, AttributeError)) as error:
            session.send(unprepared)
        results.append((type(error.value), str(error.value)))
    return results, asked[:]


def test_responses_and_errors_are_the_librarys_own(server):
    inprofile.uninstrument()
    with requests.Session() as session:
        without = everything(session, server)
    with record(), inprofile.job("work"), requests.Session() as session:
        within = everything(session, server)
    assert within == without
    assert guard.errors == 0
