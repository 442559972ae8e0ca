"""The driver takes a response to its end, and nothing but a 200 for an answer."""

import zlib

import pytest

from benchmarks.overhead.wsgi_driver import WsgiDriver


class Response(list):
    """Says when it was closed."""

    closed = False

    def close(self):
        self.closed = True


def responding(status, *parts):
    given = Response(parts)

    def app(environ, start_response):
        environ["wsgi.input"].read()
        start_response(status, [])
        return given

    return app, given


def test_an_answer_is_the_checksum_of_all_parts_and_the_response_is_closed():
    app, given = responding("200 OK", b"one ", b"two")
    driver = WsgiDriver(app, "/")
    assert driver.answer() == zlib.crc32(b"one two")
    assert (driver.requests, given.closed) == (1, True)


def test_another_answer_is_an_error():
    app, _ = responding("500 Internal Server Error")
    with pytest.raises(RuntimeError, match=r"GET /x gave \['500 Internal Server Error'\]"):
        WsgiDriver(app, "/x").answer()


def test_a_batch_is_so_many_requests_each_with_an_environment_of_its_own():
    environs = []

    def app(environ, start_response):
        environs.append(environ)
        return []

    driver = WsgiDriver(app, "/x")
    batch = driver.batch(3)
    assert (batch.requests, driver.requests, len({id(environ) for environ in environs})) == (3,) * 3
    assert batch.wall_ns > 0
