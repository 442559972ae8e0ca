"""The FastAPI applications that are asked, each made anew in a fresh process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from benchmarks.overhead.subject import (
    DIFFERENT,
    LOOPED,
    QUERIES,
    STEPS,
    Scenario,
    Subject,
    fastapi,
)

CHUNKS = 1000
CHUNK = b"x" * 64


def _nothing() -> Subject:
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/nothing")
    async def nothing() -> Any:
        return {"ok": True}

    return fastapi(app)


def _thread() -> Subject:
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/thread")
    def thread() -> Any:
        return {"ok": True}

    return fastapi(app)


def _steps() -> Subject:
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/steps")
    async def steps() -> Any:
        for _ in range(STEPS):
            await asyncio.sleep(0)
        return {"ok": True}

    return fastapi(app)


def _stream() -> Subject:
    from fastapi import FastAPI
    from fastapi.responses import StreamingResponse

    app = FastAPI()

    async def chunks(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield CHUNK

    @app.get("/stream/{count}", response_class=StreamingResponse)
    async def stream(count: int) -> StreamingResponse:
        return StreamingResponse(chunks(count), media_type="text/plain")

    return fastapi(app)


def _orm() -> Subject:
    from fastapi import FastAPI
    from sqlalchemy import select
    from sqlalchemy.orm import Session

    from benchmarks.overhead.shelves import Item, shelves

    app, engine = FastAPI(), shelves(QUERIES)

    @app.get("/orm")
    async def orm() -> Any:
        found = 0
        with Session(engine) as session:
            for n in range(QUERIES):
                found += len(session.execute(select(Item).where(Item.shelf == n)).scalars().all())
        return {"found": found}

    return fastapi(app, engine, QUERIES)


def _core(path: str, queries: int, statement: Callable[[Any, int], Any]) -> Subject:
    from fastapi import FastAPI

    from benchmarks.overhead.shelves import Item, shelves

    app, engine = FastAPI(), shelves(QUERIES)
    items = Item.__table__

    @app.get(path)
    async def core() -> Any:
        found = 0
        with engine.connect() as connection:
            for n in range(queries):
                found += len(connection.execute(statement(items, n)).all())
        return {"found": found}

    return fastapi(app, engine, queries)


def _of_shelf(items: Any, n: int) -> Any:
    return items.select().where(items.c.shelf == n)


def _by_key(items: Any, n: int) -> Any:
    return items.select().where(items.c.id == n)


def _different(items: Any, n: int) -> Any:
    from sqlalchemy import select

    return select(items.c.id, items.c.name.label(f"name_{n}")).where(items.c.id == n)


SCENARIOS = (
    Scenario("nothing", "Do-nothing JSON route", "/nothing", _nothing, batch=300),
    Scenario("orm", f"{QUERIES} ORM queries", "/orm", _orm, batch=15, queries=QUERIES),
    Scenario(
        "core",
        f"{QUERIES} Core queries",
        "/core",
        partial(_core, "/core", QUERIES, _of_shelf),
        batch=25,
        queries=QUERIES,
    ),
    Scenario(
        "looped",
        f"{LOOPED} Core queries in a loop, one for each row",
        "/looped",
        partial(_core, "/looped", LOOPED, _by_key),
        batch=2,
        queries=LOOPED,
    ),
    Scenario(
        "different",
        f"{DIFFERENT} different Core queries",
        "/different",
        partial(_core, "/different", DIFFERENT, _different),
        batch=12,
        queries=DIFFERENT,
    ),
    Scenario(
        "stream",
        f"{CHUNKS:,}-chunk stream",
        f"/stream/{CHUNKS}",
        _stream,
        batch=4,
        # Longer ones would hold up the loop, and what is seen of that is remembered.
        memory_paths=tuple((n, f"/stream/{n}") for n in (100, 1000, 3000)),
    ),
    Scenario("thread", "`def` route", "/thread", _thread, batch=120),
    Scenario("steps", f"{STEPS} suspensions", "/steps", _steps, batch=20, steps=STEPS),
)
