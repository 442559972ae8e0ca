"""The WSGI door: what a request's trace holds, however the app answers."""

import gc
import time
from typing import Any
from wsgiref.util import FileWrapper

import pytest
from a2wsgi import WSGIMiddleware
from starlette.applications import Starlette
from starlette.routing import Mount

import inprofile
from inprofile.core.recorder import current
from inprofile.doors.wsgi import Door
from inprofile.process import recorder
from tests import asgi, wsgi
from tests.core.fake_clock import FakeClock

MS = 1_000_000


@pytest.fixture
def door(recorded):
    """Puts a door around an app; its traces are in ``recorded``."""

    def put(app):
        ours = recorder()
        assert ours is not None
        return Door(app, ours)

    return put


@pytest.fixture
def clock(recorded):
    """By which the traces are measured."""
    ours = recorder()
    assert ours is not None
    ours.clock = clock = FakeClock()
    return clock


def small(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


def generator(environ, start_response):
    start_response("200 OK", [])
    yield b"a"
    yield b"b"


def test_a_request_is_a_trace_whose_stages_add_up(door, recorded):
    assert wsgi.asked(door(small), "/x") == [("200 OK", [("Content-Length", "2")], None), b"ok"]
    trace = recorded.trace
    assert (trace.door, trace.method, trace.route, trace.path, trace.status, trace.error) == (
        *("http", "GET", "_UNMATCHED", "/x", 200, None),
    )
    assert sorted(trace.stages) == ["handler", "send"]
    assert sum(trace.stages.values()) == trace.wall_ns
    assert not trace.streamed


@pytest.mark.parametrize(("method", "seen"), [("GET", "GET"), ("BREW", "_OTHER"), ("", "_OTHER")])
def test_an_unknown_method_is_counted_as_other(door, recorded, method, seen):
    wsgi.asked(door(small), "/", method)
    assert recorded.trace.method == seen


def test_the_path_is_decoded_with_the_mount_in_front_and_the_scheme_is_the_servers(door, recorded):
    name = "/caf\N{LATIN SMALL LETTER E WITH ACUTE}"
    wsgi.asked(door(small), name, SCRIPT_NAME="/shop", wsgi_url_scheme="https")
    wsgi.asked(door(small), PATH_INFO="/\xff\N{EURO SIGN}")
    trace, odd = recorded.traces
    assert (trace.path, trace.root.trace.scheme) == ("/shop" + name, "https")
    assert odd.path == "/\N{REPLACEMENT CHARACTER}?"


def test_an_environ_may_lack_everything(door, recorded):
    wsgi.exchange(door(small), {})
    assert (recorded.trace.method, recorded.trace.path) == ("_OTHER", "")
    assert inprofile.status()["errors"] == 0


def test_the_wait_in_the_proxy_is_a_stage_before_the_app(door, recorded):
    waited = f"t={time.time() - 0.25:.6f}"
    wsgi.asked(door(small), headers=[("x-request-start", waited)])
    wsgi.asked(door(small), headers=[("x-request-start", "soon")])
    trace, nonsense = recorded.traces
    assert 250 * MS <= trace.stages["queue"] < 2000 * MS
    assert sum(trace.stages.values()) == trace.wall_ns
    assert "queue" not in nonsense.stages


# The clock


def test_the_time_in_the_app_and_the_servers_between_its_parts_are_told_apart(
    door, clock, recorded
):
    def app(environ, start_response):
        start_response("200 OK", [])
        for _ in range(3):
            clock.advance(2 * MS)
            yield b"part"

    result = door(app)(wsgi.environ(), lambda *_: None)
    for _ in result:
        clock.advance(5 * MS)
    result.close()
    trace = recorded.trace
    assert trace.stages == {"handler": 6 * MS, "send": 15 * MS}
    assert (trace.wall_ns, trace.streamed) == (21 * MS, True)
    assert trace.first_byte_ns - trace.root.start_ns == 2 * MS


def test_what_happens_in_close_is_no_latency(door, clock, recorded):
    class Closing(list):
        def close(self):
            clock.advance(5 * MS)

    wsgi.asked(door(lambda environ, start: start("200 OK", []) and Closing([b"x"])))
    assert recorded.trace.wall_ns == 0


def test_what_is_written_the_old_way_is_sent(door, clock, recorded):
    def app(environ, start_response):
        write = start_response("201 Created", [])
        write(b"a")
        write(b"b")
        return [b"c"]

    def slow_start(status, headers):
        return lambda data: clock.advance(2 * MS)

    list(door(app)(wsgi.environ(), slow_start))
    trace = recorded.trace
    assert (trace.status, trace.streamed) == (201, True)
    assert trace.stages == {"handler": 0, "send": 4 * MS}


@pytest.mark.parametrize("data", [None, 7, [7]], ids=str)
def test_what_cannot_be_written_is_the_servers_to_refuse(door, recorded, data):
    def app(environ, start_response):
        start_response("200 OK", [])(data)
        return []

    def starting(*_):
        return b"".join

    with pytest.raises(TypeError) as with_line:
        door(app)(wsgi.environ(), starting)
    with pytest.raises(TypeError) as without:
        app(wsgi.environ(), starting)
    assert str(with_line.value) == str(without.value)


# Spans


def test_spans_of_the_body_have_the_request_as_their_parent_and_are_current_in_the_app_only(
    door, clock, recorded
):
    def app(environ, start_response):
        start_response("200 OK", [])
        with inprofile.span("outer", kind="validation"):
            yield b"a"
            with inprofile.span("inner", kind="cache"):
                yield b"b"
        with inprofile.span("last", kind="cache"):
            pass

    seen, outside = [], current.get()
    for _ in door(app)(wsgi.environ(), lambda *_: None):
        seen.append(current.get())
        clock.advance(1 * MS)
    trace = recorded.trace
    assert seen == [outside, outside]
    assert [(span.name, span.parent.name) for span in trace.spans if span.parent] == [
        ("inner", "outer"),
        ("outer", "http"),
        ("last", "http"),
    ]
    assert (trace.stages["send"], trace.wall_ns) == (2 * MS, 2 * MS)


def test_responses_that_are_sent_in_turns_keep_apart(door, recorded):
    def app(environ, start_response):
        start_response("200 OK", [])
        for _ in range(3):
            with inprofile.span(environ["PATH_INFO"], kind="cache"):
                pass
            yield b"x"

    bodies = [door(app)(wsgi.environ(path), lambda *_: None) for path in ("/a", "/b")]
    for _ in zip(*bodies, strict=True):
        pass
    for body in bodies:
        body.close()
    names = {trace.path: {s.name for s in trace.spans if s.parent} for trace in recorded.traces}
    assert names == {"/a": {"/a"}, "/b": {"/b"}}


def test_nothing_stays_current_after_the_call_or_the_response(door, recorded):
    outside = current.get()
    for app in (small, generator):
        for parts in (0, 1, None):
            result = door(app)(wsgi.environ(), lambda *_: None)
            assert current.get() is outside
            for _, _ in zip(range(9 if parts is None else parts), result, strict=False):
                assert current.get() is outside
            result.close()
            assert current.get() is outside
    assert len(recorded.traces) == 6


# Errors


def test_an_exception_in_the_app_comes_out_as_it_was_and_is_an_error(door, recorded):
    problem = RuntimeError("broken")

    def app(environ, start_response):
        raise problem

    with pytest.raises(RuntimeError) as caught:
        door(app)(wsgi.environ(), lambda *_: None)
    assert caught.value is problem
    assert (recorded.trace.status, recorded.trace.error) == (0, "RuntimeError")


def test_an_exception_half_way_is_an_error_of_the_body(door, recorded):
    def app(environ, start_response):
        start_response("200 OK", [])
        yield b"half"
        raise KeyError("way")

    assert wsgi.asked(door(app)) == [("200 OK", [], None), b"half", "KeyError('way')"]
    assert (recorded.trace.status, recorded.trace.error) == (200, "KeyError")


def test_a_status_may_be_replaced_with_an_error(door, recorded):
    def app(environ, start_response):
        start_response("200 OK", [])
        try:
            raise ValueError("late")
        except ValueError as error:
            start_response("500 Oops", [], (ValueError, error, None))
        return [b"sorry"]

    sent = wsgi.asked(door(app))
    assert sent == [("200 OK", [], None), ("500 Oops", [], "ValueError('late')"), b"sorry"]
    assert (recorded.trace.status, recorded.trace.error) == (500, "500")


def test_a_client_that_goes_away_is_told_apart_and_the_clean_up_is_still_the_requests(
    door, recorded
):
    def app(environ, start_response):
        start_response("200 OK", [])
        try:
            yield b"a"
            yield b"b"
        finally:
            with inprofile.span("clean up", kind="db"):
                pass

    assert wsgi.asked(door(app), parts=1) == [("200 OK", [], None), b"a"]
    trace = recorded.trace
    assert trace.error == "ClientDisconnect"
    assert [span.name for span in trace.spans if span.kind == "db"] == ["clean up"]


@pytest.mark.parametrize(
    ("method", "status", "headers"),
    [
        ("HEAD", "200 OK", []),
        ("GET", "204 No Content", []),
        ("GET", "304 Not Modified", []),
        ("GET", "200 OK", [("content-length", "0")]),
    ],
)
@pytest.mark.parametrize("parts", [0, None])
def test_an_empty_body_is_whole_whether_it_is_asked_for_or_not(
    door, recorded, method, status, headers, parts
):
    def app(environ, start_response):
        start_response(status, headers)
        return iter(())

    wsgi.asked(door(app), "/", method, parts)
    assert (recorded.trace.status, recorded.trace.error) == (int(status[:3]), None)


def test_a_body_of_the_announced_length_is_whole_without_asking_for_its_end(door, recorded):
    wsgi.asked(door(small), parts=1)
    assert recorded.trace.error is None


def test_an_app_that_never_says_its_status_is_an_error(door, recorded):
    wsgi.asked(door(lambda environ, start: []))
    assert recorded.trace.error == "IncompleteResponse"


@pytest.mark.parametrize("result", [None, 7])
def test_what_is_no_body_brings_the_same_error(door, recorded, result):
    def app(environ, start_response):
        start_response("200 OK", [])
        return result

    sent = wsgi.asked(door(app))
    assert sent == wsgi.asked(app)
    assert recorded.trace.error == "TypeError"


def test_a_response_that_is_dropped_is_counted(door, recorded):
    door(small)(wsgi.environ(), lambda *_: None)
    gc.collect()
    assert recorded.trace.error == "IncompleteResponse"


@pytest.mark.parametrize("status", [b"200 OK", None, 200, "", "OK 200"])
def test_a_status_that_is_none_is_the_servers_to_refuse(door, recorded, status):
    def app(environ, start_response):
        start_response(status, ["Odd"])
        return [b"x"]

    for parts in (None, 0):
        assert wsgi.asked(door(app), parts=parts) == wsgi.asked(app, parts=parts)
    assert inprofile.status()["errors"] == 0


# What the server sees


def test_the_length_is_known_when_the_apps_is(door, recorded):
    def sized(environ, start_response):
        start_response("200 OK", [])
        return [b"a", b"b"]

    body = door(sized)(wsgi.environ(), lambda *_: None)
    assert len(body) == 2
    assert [*body, *body] == [b"a", b"b", b"a", b"b"]  # a list can be read twice
    body.close()
    endless = door(generator)(wsgi.environ(), lambda *_: None)
    assert not hasattr(endless, "__len__")
    assert next(endless) == b"a"
    endless.close()
    assert len(recorded.traces) == 2


def test_what_else_a_frameworks_response_has_is_still_there(door, recorded):
    class Page:
        status_code = 203

        def __iter__(self):
            return iter([b"x"])

    body = door(lambda environ, start: start("203 X", []) and Page())(wsgi.environ(), wsgi_start)
    assert body.status_code == 203
    with pytest.raises(AttributeError, match="'Page' object has no attribute 'nothing'"):
        _ = body.nothing
    body.close()


def wsgi_start(status, headers):
    return print


def test_a_file_is_handed_to_the_server_as_it_is_and_ends_with_its_close(
    door, clock, recorded, tmp_path
):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 20_000)
    opened = []

    def app(environ, start_response):
        start_response("200 OK", [])
        opened.append(path.open("rb"))
        return environ["wsgi.file_wrapper"](opened[0])

    body = door(app)(wsgi.environ(wsgi_file_wrapper=FileWrapper), lambda *_: None)
    assert type(body) is FileWrapper
    assert recorded.traces == []
    clock.advance(2 * MS)  # sendfile
    body.close()
    assert opened[0].closed
    assert recorded.trace.stages["send"] == 2 * MS
    assert recorded.trace.error is None


class Slotted:
    """A wrapper that takes no attribute, as those written in C."""

    __slots__ = ("file",)

    def __init__(self, file):
        self.file = file

    def __iter__(self):
        return iter(self.file)

    def close(self):
        self.file.close()


@pytest.mark.parametrize("wrapper", [Slotted, lambda file: file], ids=["class", "uWSGI"])
def test_a_file_that_is_not_ours_to_change_ends_when_it_is_returned(
    door, recorded, tmp_path, wrapper
):
    file = (tmp_path / "file").open("w+b")

    def app(environ, start_response):
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](file)

    body = door(app)(wsgi.environ(wsgi_file_wrapper=wrapper), lambda *_: None)
    assert body is file or type(body) is wrapper
    assert recorded.trace.status == 200
    body.close()
    assert file.closed


# The line


def test_a_second_door_on_the_way_does_nothing(door, recorded):
    inner = door(small)
    assert wsgi.asked(door(inner)) == wsgi.asked(small)
    assert len(recorded.traces) == 1


def test_switched_off_the_app_is_called_as_it_is(door, recorded):
    off = door(small)
    off.recorder.enabled = False
    environ = wsgi.environ()
    assert off(environ, wsgi_start) == [b"ok"]
    off.recorder.enabled = True
    assert (recorded.traces, "inprofile.door" in environ) == ([], False)


def test_a_measured_app_below_a_measured_asgi_app_is_the_same_request(recorded):
    below = inprofile.instrument(small)
    below_asgi: Any = WSGIMiddleware(below)
    app = Starlette(routes=[Mount("/below", below_asgi)])
    inprofile.instrument(app)
    assert asgi.asked(app, "/below/é")[1]["body"] == b"ok"
    assert [trace.path for trace in recorded.traces] == ["/below/é"]


def test_another_request_made_inside_of_one_is_a_trace_of_its_own(recorded):
    below = inprofile.instrument(small)

    def outer(environ, start_response):
        wsgi.asked(below, "/inner")
        return small(environ, start_response)

    wsgi.asked(inprofile.instrument(outer), "/outer")
    assert [trace.path for trace in recorded.traces] == ["/inner", "/outer"]
