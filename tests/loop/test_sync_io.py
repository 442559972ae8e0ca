"""A synchronous client on the event loop is a finding, fast or not; elsewhere it is none."""

import asyncio
import linecache
import sqlite3

import httpx
import psycopg
import pytest
import redis
import requests
import sqlalchemy
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import create_async_engine

import inprofile
from inprofile.detectors import sync_io_on_loop
from inprofile.testing import record
from tests import asgi
from tests.loop.blocks import PLACES
from tests.loop.loops import LOOPS, run

KIND = "sync_io_on_loop"
ENGINE = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.StaticPool)
ASYNC_ENGINE = create_async_engine("sqlite+aiosqlite://")
SELECT = sqlalchemy.text("SELECT 1")


def by_sqlite3():
    connection = sqlite3.connect(":memory:")  # guilty
    connection.execute("SELECT 1").fetchall()  # guilty
    connection.close()


def by_sqlalchemy():
    with ENGINE.connect() as connection:  # guilty
        connection.execute(SELECT).all()  # guilty


def by_psycopg():
    with psycopg.connect(PLACES["dsn"]) as connection:  # guilty
        connection.execute("SELECT 1").fetchall()  # guilty


def by_redis():
    client = redis.Redis.from_url(PLACES["cache"])
    client.get("x")  # guilty
    client.close()


def by_requests():
    requests.get(PLACES["url"], timeout=5)  # guilty


def by_httpx():
    httpx.get(PLACES["url"])  # guilty


SYNC = {
    by_sqlite3: "aiosqlite",
    by_sqlalchemy: "aiosqlite",
    by_psycopg: "psycopg.AsyncConnection",
    by_redis: "redis.asyncio",
    by_requests: "httpx.AsyncClient",
    by_httpx: "httpx.AsyncClient",
}


def found_by(kind, function):
    app = FastAPI()
    app.get("/")(function)
    inprofile.instrument(app)
    with record() as recorded:
        run(kind, asgi.exchange(app, asgi.scope("/")))
    assert recorded.trace.status == 200
    return [each for each in recorded.findings if each.kind == KIND]


@pytest.mark.parametrize("kind", LOOPS)
@pytest.mark.parametrize("function", SYNC, ids=lambda function: function.__name__)
def test_a_synchronous_client_on_the_loop_is_named_with_its_line(kind, function, places):
    async def endpoint():
        function()

    found = found_by(kind, endpoint)
    assert found
    for each in found:
        assert each.route == "/"
        assert "guilty" in linecache.getline(each.query.file, each.query.line)
        assert each.fix.startswith(SYNC[function])
        assert each.count >= 1


async def in_a_thread():
    await asyncio.to_thread(by_sqlite3)


def in_a_def_endpoint():
    by_sqlite3()


async def with_an_async_driver():
    async with ASYNC_ENGINE.connect() as connection:
        await connection.execute(SELECT)


async def with_an_async_client():
    async with httpx.AsyncClient() as client:
        await client.get(PLACES["url"])


async def with_an_async_cache():
    client = redis.asyncio.Redis.from_url(PLACES["cache"])
    await client.get("x")
    await client.aclose()


async def with_an_async_connection():
    async with await psycopg.AsyncConnection.connect(PLACES["dsn"]) as connection:
        await connection.execute("SELECT 1")


@pytest.mark.parametrize(
    "endpoint",
    [
        in_a_thread,
        in_a_def_endpoint,
        with_an_async_driver,
        with_an_async_client,
        with_an_async_cache,
        with_an_async_connection,
    ],
)
def test_what_lets_the_loop_go_on_is_none(endpoint, places):
    assert found_by("asyncio", endpoint) == []


def test_it_is_counted_each_time_and_minor_while_it_is_fast(monkeypatch):
    monkeypatch.setattr(sync_io_on_loop, "MINOR_NS", 1 << 62)  # a busy machine is slow

    async def endpoint():
        connection = sqlite3.connect(":memory:")
        for i in range(7):
            connection.execute("SELECT ?", [i])
        connection.close()

    *_, found = found_by("asyncio", endpoint)
    assert (found.count, found.severity) == (7, "low")


def test_without_the_watch_of_loops_it_is_none(monkeypatch):
    monkeypatch.setenv("INPROFILE_LOOP", "0")

    async def endpoint():
        by_sqlite3()

    assert found_by("asyncio", endpoint) == []


def test_a_line_can_be_ignored():
    async def endpoint():
        connection = sqlite3.connect(":memory:")  # inprofile: ignore[sync_io_on_loop]
        connection.close()

    assert found_by("asyncio", endpoint) == []
