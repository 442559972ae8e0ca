"""Fifty requests at once, half of them with an N+1: none is mixed up with another, none is lost."""

import asyncio
import contextlib
import sqlite3
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi import FastAPI
from flask import Flask

import inprofile
from inprofile import process
from inprofile.storage.store import Store
from inprofile.testing import record
from tests import asgi, wsgi

REQUESTS = 50
ROWS = 6


@pytest.fixture
def connect(group):
    """Makes connections that are closed in the end."""
    inprofile.instrument(sample_rate=1)
    with contextlib.ExitStack() as stack:

        def connect():
            db = stack.enter_context(
                contextlib.closing(sqlite3.connect(":memory:", check_same_thread=False))
            )
            db.execute("CREATE TABLE t (id INTEGER, v INTEGER)")
            return db

        yield connect


def get(db, number):
    return db.execute("SELECT v FROM t WHERE id = ?", (number,)).fetchone()


def routes(recording):
    """How often each route was recorded, and how often it was found to have an N+1."""
    found = Counter(
        (each.route, each.kind, each.count, each.elements) for each in recording.findings
    )
    return Counter(trace.route for trace in recording.traces), found


def path(number):
    return f"/loop/{number}" if number % 2 else f"/clean/{number}"


HALF = {"/loop/{number}": REQUESTS // 2, "/clean/{number}": REQUESTS // 2}


def with_asyncio(connect):
    app = FastAPI()
    db = connect()

    @app.get("/clean/{number}")
    async def clean(number: int):
        await asyncio.sleep(0)
        get(db, number)
        await asyncio.sleep(0)

    @app.get("/loop/{number}")
    async def loop(number: int):
        for each in range(ROWS):
            await asyncio.sleep(0)
            get(db, each)

    inprofile.instrument(app)

    async def main():
        asked = [asgi.exchange(app, asgi.scope(path(number))) for number in range(REQUESTS)]
        await asyncio.gather(*asked)

    asyncio.run(main())


def with_worker_threads_of_an_async_server(connect):
    app = FastAPI()
    together = threading.Barrier(4)

    def meet():
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(0.02)

    @app.get("/clean/{number}")
    def clean(number: int):
        db = connect()
        meet()
        get(db, number)

    @app.get("/loop/{number}")
    def loop(number: int):
        db = connect()
        meet()
        for each in range(ROWS):
            get(db, each)

    inprofile.instrument(app)

    async def main():
        asked = [asgi.exchange(app, asgi.scope(path(number))) for number in range(REQUESTS)]
        await asyncio.gather(*asked)

    asyncio.run(main())


def with_threads_of_a_wsgi_server(connect):
    app = Flask("shop")
    workers = 10
    together = threading.Barrier(workers)

    @app.get("/clean/<int:number>")
    def clean(number):
        db = connect()
        together.wait(10)
        get(db, number)
        return "clean"

    @app.get("/loop/<int:number>")
    def loop(number):
        db = connect()
        together.wait(10)
        for each in range(ROWS):
            get(db, each)
        return "loop"

    inprofile.instrument(app)
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda number: wsgi.asked(app, path(number)), range(REQUESTS)))


SERVERS = [with_asyncio, with_worker_threads_of_an_async_server, with_threads_of_a_wsgi_server]


def as_fastapi(route):
    return route.replace("<int:number>", "{number}")


@pytest.mark.parametrize("serve", SERVERS)
def test_of_fifty_requests_at_once_those_with_a_loop_are_found_and_no_others(serve, connect):
    with record() as recording:
        serve(connect)
    asked, found = routes(recording)
    assert {as_fastapi(route): count for route, count in asked.items()} == HALF
    looped = {
        (as_fastapi(route), kind, *rest): count
        for (route, kind, *rest), count in found.items()
        if kind != "slow_query"  # this machine may be busy with other things
    }
    assert looped == {("/loop/{number}", "n_plus_one", ROWS, ROWS): REQUESTS // 2}
    assert inprofile.status()["errors"] == 0


@pytest.mark.parametrize("serve", SERVERS)
def test_in_production_they_are_stored_each_once(serve, connect, group):
    """Where the first run of what is mostly run once is not looked at."""
    serve(connect)
    running = process.running()
    assert running is not None
    assert running.pipeline is not None
    assert running.pipeline.flush()
    kept = Counter(as_fastapi(trace.route) for trace in Store(group).traces())
    found = Counter(
        (as_fastapi(each["route"]), each["kind"], each["count"])
        for each in Store(group).findings()
        if each["kind"] != "slow_query"
    )
    assert kept == HALF
    assert found == {("/loop/{number}", "n_plus_one", ROWS): REQUESTS // 2}
    assert inprofile.status()["errors"] == 0


def test_in_production_of_many_tasks_the_first_are_looked_at_and_all_are_counted(connect, group):
    db = connect()

    async def one(number):
        get(db, number)

    async def main():
        with inprofile.job("all"):
            for task in [asyncio.create_task(one(number)) for number in range(500)]:
                await task

    asyncio.run(main())
    running = process.running()
    assert running is not None
    assert running.pipeline is not None
    assert running.pipeline.flush()
    assert [(one["kind"], one["count"]) for one in Store(group).findings()] == [("n_plus_one", 500)]
    assert inprofile.status()["errors"] == 0


def test_recordings_of_tasks_that_run_at_once_have_each_its_own(connect):
    db = connect()

    async def task(number):
        with record() as recording:
            await asyncio.sleep(0)
            with inprofile.job(f"job {number}"):
                for each in range(3 + number % 5):
                    await asyncio.sleep(0)
                    if number % 2:
                        get(db, each)
            if not number % 2:
                get(db, number)
            await asyncio.sleep(0)
        return recording

    async def main():
        return await asyncio.gather(*map(task, range(REQUESTS)))

    for number, recording in enumerate(asyncio.run(main())):
        assert [trace.route for trace in recording.traces] == [f"job:job {number}"]
        counts = [finding.count for finding in recording.findings]
        assert counts == ([3 + number % 5] if number % 2 else [])


def test_recordings_of_threads_that_run_at_once_have_each_its_own(connect):
    workers = 10
    together = threading.Barrier(workers)

    def thread(number):
        db = connect()
        together.wait(10)
        with record() as recording:
            for each in range(3 + number % 5):
                if number % 2:
                    get(db, each)
            if not number % 2:
                get(db, number)
            together.wait(10)
        return recording

    with ThreadPoolExecutor(workers) as pool:
        recordings = list(pool.map(thread, range(REQUESTS)))
    for number, recording in enumerate(recordings):
        counts = [finding.count for finding in recording.findings]
        assert counts == ([3 + number % 5] if number % 2 else [])
