"""Garbage collection: counted by generation, and a stage of the request that it hits."""

import gc

import inprofile
from inprofile import process
from inprofile.core import metrics
from inprofile.testing import record
from tests import asgi


async def collecting(scope, receive, send):
    kept = [[i] for i in range(300_000)]
    gc.collect(2)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(len(kept)).encode()})


async def plain(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def collections():
    running = process.running()
    assert running is not None
    return {
        key[1]: sum(words[2:])
        for key, words in running.read().series.items()
        if key[0] == metrics.GC_PAUSE.name
    }


def test_a_collection_is_a_stage_of_the_request_that_it_hits():
    app = inprofile.instrument(collecting)
    asgi.asked(app, "/")  # from the first request of a loop on
    before = collections()["2"]
    with record() as recorded:
        asgi.asked(app, "/")
    trace = recorded.trace
    assert trace.stages["gc"] > 1_000_000
    assert sum(trace.stages.values()) == trace.wall_ns
    assert collections()["2"] > before


def test_what_nobody_waits_for_is_counted_and_no_stage():
    app = inprofile.instrument(plain)
    gc.disable()
    try:
        asgi.asked(app, "/")
        before = collections()
        gc.collect(1)
        with record() as recorded:
            asgi.asked(app, "/")
        assert collections()["1"] == before.get("1", 0) + 1
        assert "gc" not in recorded.trace.stages
    finally:
        gc.enable()


def test_a_collection_that_was_due_is_nobodys_fault(monkeypatch):
    monkeypatch.setenv("INPROFILE_LOOP_BLOCK_MS", "20")
    others: list = []

    async def innocent(scope, receive, send):
        gc.enable()
        others.append([])  # brings the collection of all that was made meanwhile
        await plain(scope, receive, send)

    app = inprofile.instrument(innocent)
    asgi.asked(app, "/")
    gc.disable()
    try:
        others += [[i] for i in range(2_000_000)]
        with record() as recorded:
            asgi.asked(app, "/")
    finally:
        gc.enable()
    found = [each for each in recorded.findings if each.kind == "blocked_event_loop"]
    collected = [each for each in found if each.cause == "garbage_collection"]
    assert {(each.route, each.query) for each in collected} == {("loop", None)}
