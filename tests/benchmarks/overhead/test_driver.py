"""The driver asks as a patient client and takes nothing but a whole 200 for an answer."""

import asyncio
import zlib
from contextlib import closing

import pytest

from benchmarks.overhead.driver import Driver


def responding(status=200, *bodies):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": []})
        for number, body in enumerate(bodies, 1):
            more = number < len(bodies)
            await send({"type": "http.response.body", "body": body, "more_body": more})

    return app


def test_an_answer_is_the_checksum_of_all_parts():
    with closing(Driver(responding(200, b"one ", b"two"), "/")) as driver:
        assert driver.answer() == zlib.crc32(b"one two")


@pytest.mark.parametrize(
    ("app", "message"),
    [
        (responding(500, b"no"), "GET /x gave 500, whole: True"),
        (responding(200), "GET /x gave 200, whole: False"),
    ],
    ids=["failed", "no body"],
)
def test_another_answer_is_an_error(app, message):
    with closing(Driver(app, "/x")) as driver, pytest.raises(RuntimeError, match=message):
        driver.answer()


def test_a_batch_is_so_many_requests_each_with_a_scope_of_its_own():
    scopes = []

    async def app(scope, receive, send):
        scopes.append(scope)

    with closing(Driver(app, "/x")) as driver:
        batch = driver.batch(3)
    assert (batch.requests, driver.requests, len(scopes)) == (3, 3, 3)
    assert len({id(scope) for scope in scopes}) == 3
    assert len({id(scope["state"]) for scope in scopes}) == 3
    assert batch.wall_ns > 0


def test_the_client_sends_an_empty_body_and_does_not_go_away():
    seen = []

    async def app(scope, receive, send):
        seen.append(await receive())
        later = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        seen.append(later.done())
        later.cancel()

    with closing(Driver(app, "/")) as driver:
        driver.batch(1)
    assert seen == [{"type": "http.request", "body": b"", "more_body": False}, False]
