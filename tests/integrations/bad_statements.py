"""Statements that drivers refuse."""

# mypy: disable-error-code="arg-type, attr-defined, call-arg, call-overload, dict-item, index, misc"

import contextlib
import io
import sqlite3

import aiosqlite
import asyncpg
import psycopg
import psycopg2
import pymysql
import sqlalchemy

from tests.integrations.bad_values import BAD, given, library, running
from tests.integrations.mysql_parts import Unlucky


@library
def sqlite3_(request):
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        cursor = db.cursor()
        yield {
            **given(lambda *args, **kwargs: list(cursor.execute(*args, **kwargs)), "sql"),
            "a connection": lambda: list(db.execute(None)),
            "many": lambda: cursor.executemany("SELECT ?", 7),
            "a script": lambda: cursor.executescript(b"SELECT 1"),
            "an unlucky value": lambda: cursor.execute("SELECT ?", [Unlucky()]),
        }


@library
def aiosqlite_(request):
    async def execute(*args, **kwargs):
        async with aiosqlite.connect(":memory:") as db:
            return list(await db.execute_fetchall(*args, **kwargs))

    yield given(running(execute), "sql")


@library
def psycopg_(request):
    dsn = request.getfixturevalue("postgres_dsn")
    with psycopg.connect(dsn, autocommit=True) as db:

        def on_server(statement):
            with db.cursor("c") as cursor:
                cursor.execute(statement)

        yield {
            **given(lambda *a, **k: db.cursor().execute(*a, **k).fetchall(), "query"),
            "a connection": lambda: db.execute(None),
            "many": lambda: db.cursor().executemany("SELECT %s", 7),
            "an unlucky value": lambda: db.execute("SELECT %s", [Unlucky()]),
            "a stream": lambda: list(db.cursor().stream(None)),
            "a server-side cursor": lambda: on_server(None),
            "a copy": lambda: db.cursor().copy(None).__enter__(),
            "a connection string": lambda: psycopg.connect(7),
        }


@library
def psycopg_async(request):
    dsn = request.getfixturevalue("postgres_dsn")

    async def execute(*args, **kwargs):
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as db:
            return await (await db.execute(*args, **kwargs)).fetchall()

    yield given(running(execute), "query")


@library
def psycopg2_(request):
    db = psycopg2.connect(request.getfixturevalue("postgres_dsn"))
    db.autocommit = True

    def execute(*args, **kwargs):
        cursor = db.cursor()
        cursor.execute(*args, **kwargs)
        return cursor.fetchall()

    yield {
        **given(execute, "query"),
        "many": lambda: db.cursor().executemany("SELECT %s", 7),
        "an unlucky value": lambda: db.cursor().execute("SELECT %s", [Unlucky()]),
        "a procedure": lambda: db.cursor().callproc(Unlucky()),
        "a copy": lambda: db.cursor().copy_expert(None, io.StringIO()),
        "a connection string": lambda: psycopg2.connect(7),
    }
    db.close()


@library
def asyncpg_(request):
    dsn = request.getfixturevalue("postgres_dsn")

    async def fetch(*args, **kwargs):
        db = await asyncpg.connect(dsn)
        try:
            return [tuple(row) for row in await db.fetch(*args, **kwargs)]
        finally:
            await db.close()

    async def execute(*args, **kwargs):
        db = await asyncpg.connect(dsn)
        try:
            return await db.execute(*args, **kwargs)
        finally:
            await db.close()

    executed = given(running(execute), "query")
    yield {
        **given(running(fetch), "query"),
        **{f"{name}, without rows": call for name, call in executed.items()},
        "an unlucky value": lambda: running(fetch)("SELECT $1::int", Unlucky()),
    }


@library
def pymysql_(request):
    there = request.getfixturevalue("mariadb")

    def call(method, *args, **kwargs):
        """On a connection of its own: some of this breaks it."""
        with pymysql.connect(**there._asdict()) as db, db.cursor() as cursor:
            getattr(cursor, method)(*args, **kwargs)
            return cursor.fetchall()

    yield {
        **given(lambda *args, **kwargs: call("execute", *args, **kwargs), "query"),
        "many": lambda: call("executemany", "SELECT %s", 7),
        "an unlucky value": lambda: call("execute", "SELECT %s", [Unlucky()]),
        "a procedure": lambda: call("callproc", Unlucky()),
    }


@library
def sqlalchemy_(request):
    engine = sqlalchemy.create_engine("sqlite://")
    with engine.connect() as db:
        yield {
            **given(lambda *a, **k: list(db.exec_driver_sql(*a, **k)), "statement"),
            **{
                f"{name}, as text": lambda value=value: list(db.execute(sqlalchemy.text(value)))
                for name, value in BAD.items()
            },
            "no statement": lambda: db.execute(None),
            "an unlucky value": lambda: db.execute(sqlalchemy.text("SELECT :x"), {"x": Unlucky()}),
        }
    engine.dispose()


@library
def django(request):
    from django.db import connection

    connection.ensure_connection()

    def execute(*args, **kwargs):
        with connection.cursor() as cursor:
            cursor.execute(*args, **kwargs)
            return cursor.fetchall()

    def call(name, *args):
        with connection.cursor() as cursor:
            getattr(cursor, name)(*args)

    yield {
        **given(execute, "sql"),
        "many": lambda: call("executemany", "SELECT %s", 7),
        "an unlucky value": lambda: execute("SELECT %s", [Unlucky()]),
        "a procedure": lambda: call("callproc", Unlucky()),
    }
    connection.close()
