"""A real call of every library in the table, and the stages that it must show in a trace."""

import asyncio
import logging
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Annotated


def _sqlite3():
    with sqlite3.connect(":memory:") as db:
        db.execute("CREATE TABLE t (a)")
        db.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
        rows = db.execute("SELECT a FROM t").fetchall()
    db.close()
    return rows


def _aiosqlite():
    import aiosqlite

    async def use():
        async with aiosqlite.connect(":memory:") as db:
            await db.execute("CREATE TABLE t (a)")
            await db.execute("INSERT INTO t VALUES (1)")
            await db.commit()
            cursor = await db.execute("SELECT a FROM t")
            return await cursor.fetchall()

    return asyncio.run(use())


def _sqlalchemy():
    from sqlalchemy import create_engine, text

    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        rows = connection.execute(text("SELECT 1 AS one")).fetchall()
    engine.dispose()
    return [tuple(row) for row in rows]


def _jinja2():
    from jinja2 import Environment

    return Environment(autoescape=True).from_string("{{ a }}").render(a=1)


def _logging():
    logger = logging.Logger("lonely")  # noqa: LOG001 - one of nobody's
    logger.addHandler(logging.NullHandler())
    logger.warning("hello %s", "you")


def _anyio():
    import anyio.to_thread

    async def use():
        return await anyio.to_thread.run_sync(sum, [1, 2])

    return asyncio.run(use())


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"hi")

    def log_message(self, *_):
        pass


def _httpx():
    import httpx

    with HTTPServer(("127.0.0.1", 0), _Hello) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with httpx.Client() as client:
                return client.get(f"http://127.0.0.1:{server.server_port}/").text
        finally:
            server.shutdown()
            thread.join()


async def _asked(app, path):
    from tests import asgi

    return await asgi.exchange(app, asgi.scope(path) | {"inprofile": True})


def _starlette():
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def root(request):
        return JSONResponse({"a": 1})

    return asyncio.run(_asked(Starlette(routes=[Route("/", root)]), "/"))


def _fastapi():
    from fastapi import Depends, FastAPI

    app = FastAPI()

    async def number(q: int = 1):
        return q

    @app.get("/")
    async def root(n: Annotated[int, Depends(number)]) -> list[int]:
        return [n]

    return asyncio.run(_asked(app, "/"))


CALLS = {
    "aiosqlite": (_aiosqlite, {"db"}),
    "anyio": (_anyio, {"threadpool_wait"}),
    "fastapi": (_fastapi, {"dependencies", "validation", "handler", "serialization"}),
    "httpx": (_httpx, {"http"}),
    "jinja2": (_jinja2, {"template"}),
    "logging": (_logging, {"logging"}),
    "sqlalchemy": (_sqlalchemy, {"db", "db_pool_wait"}),
    "sqlite3": (_sqlite3, {"db"}),
    "starlette": (_starlette, {"routing", "handler", "serialization"}),
}
