"""Every driver of a database in one way: ask a statement with ``{}`` for each of its values."""

import asyncio
import contextlib
import sqlite3

import aiomysql
import aiosqlite
import asyncpg
import psycopg
import psycopg2
import pymysql

import inprofile
from inprofile.testing import record

ROWS = [(n, f"v{n}") for n in range(1, 9)]
TABLE = "CREATE TEMPORARY TABLE t (id INT PRIMARY KEY, v VARCHAR(20))"


class Asyncpg:
    numbered, list_of, one = True, "= ANY({})", "WHERE id = ANY($1)"

    @contextlib.asynccontextmanager
    async def open(self, servers):
        self.db = await asyncpg.connect(servers["postgresql"])
        await self.db.execute(TABLE)
        await self.db.executemany("INSERT INTO t VALUES ($1, $2)", ROWS)
        yield self
        await self.db.close()

    async def ask(self, text, *values):
        text = text.format(*[f"${n + 1}" for n in range(len(values))])
        return await self.db.fetch(text, *values)  # Q

    async def many(self, text, rows):
        await self.db.executemany(text.format("$1", "$2"), rows)


class Psycopg:
    list_of, one = "= ANY({})", "WHERE id = ANY(%s)"

    @contextlib.asynccontextmanager
    async def open(self, servers):
        with psycopg.connect(servers["postgresql"]) as self.db:
            self.db.execute(TABLE)
            self.db.cursor().executemany("INSERT INTO t VALUES (%s, %s)", ROWS)
            yield self

    async def ask(self, text, *values):
        text = text.format(*["%s" for _ in values])
        cursor = self.db.execute(text, values or None)  # Q
        return cursor.fetchall() if cursor.description else None

    async def many(self, text, rows):
        self.db.cursor().executemany(text.format("%s", "%s"), rows)


class AsyncPsycopg:
    list_of, one = "= ANY({})", "WHERE id = ANY(%s)"

    @contextlib.asynccontextmanager
    async def open(self, servers):
        async with await psycopg.AsyncConnection.connect(servers["postgresql"]) as self.db:
            await self.db.execute(TABLE)
            await self.db.cursor().executemany("INSERT INTO t VALUES (%s, %s)", ROWS)
            yield self

    async def ask(self, text, *values):
        cursor = self.db.cursor()
        await cursor.execute(text.format(*["%s" for _ in values]), values or None)  # Q
        return await cursor.fetchall() if cursor.description else None

    async def many(self, text, rows):
        await self.db.cursor().executemany(text.format("%s", "%s"), rows)


class Psycopg2:
    list_of, one = "= ANY({})", "WHERE id = ANY(%s)"

    @contextlib.asynccontextmanager
    async def open(self, servers):
        self.db = psycopg2.connect(servers["postgresql"])
        with self.db.cursor() as cursor:
            cursor.execute(TABLE)
            cursor.executemany("INSERT INTO t VALUES (%s, %s)", ROWS)
        yield self
        self.db.close()

    async def ask(self, text, *values):
        with self.db.cursor() as cursor:
            cursor.execute(text.format(*["%s" for _ in values]), values or None)  # Q
            return cursor.fetchall() if cursor.description else None

    async def many(self, text, rows):
        with self.db.cursor() as cursor:
            cursor.executemany(text.format("%s", "%s"), rows)


class Sqlite:
    list_of, one = "IN ({})", "WHERE id IN (?, ?, ...)"

    @contextlib.asynccontextmanager
    async def open(self, servers):
        with contextlib.closing(sqlite3.connect(":memory:")) as self.db:
            self.db.execute(TABLE)
            self.db.executemany("INSERT INTO t VALUES (?, ?)", ROWS)
            yield self

    async def ask(self, text, *values):
        return self.db.execute(text.format(*["?" for _ in values]), values).fetchall()  # Q

    async def many(self, text, rows):
        self.db.executemany(text.format("?", "?"), rows)


class Aiosqlite:
    list_of, one = "IN ({})", "WHERE id IN (?, ?, ...)"

    @contextlib.asynccontextmanager
    async def open(self, servers):
        async with aiosqlite.connect(":memory:") as self.db:
            await self.db.execute(TABLE)
            await self.db.executemany("INSERT INTO t VALUES (?, ?)", ROWS)
            yield self

    async def ask(self, text, *values):
        text = text.format(*["?" for _ in values])
        async with self.db.execute(text, values) as cursor:  # Q
            return await cursor.fetchall()

    async def many(self, text, rows):
        await self.db.executemany(text.format("?", "?"), rows)


class Mysql:
    list_of, one = "IN ({})", "WHERE id IN (%s, %s, ...)"
    library = pymysql

    @contextlib.asynccontextmanager
    async def open(self, servers):
        self.db = self.library.connect(**servers["mysql"])
        with contextlib.closing(self.db.cursor()) as cursor:
            cursor.execute(TABLE)
            cursor.executemany("INSERT INTO t VALUES (%s, %s)", ROWS)
        yield self
        self.db.close()

    async def ask(self, text, *values):
        with contextlib.closing(self.db.cursor()) as cursor:
            cursor.execute(text.format(*["%s" for _ in values]), values or None)  # Q
            return cursor.fetchall()

    async def many(self, text, rows):
        with contextlib.closing(self.db.cursor()) as cursor:
            cursor.executemany(text.format("%s", "%s"), rows)


class Mysqlclient(Mysql):
    @property
    def library(self):
        import MySQLdb

        return MySQLdb


class Aiomysql:
    list_of, one = "IN ({})", "WHERE id IN (%s, %s, ...)"

    @contextlib.asynccontextmanager
    async def open(self, servers):
        async with aiomysql.connect(**servers["mysql"]) as self.db, self.db.cursor() as cursor:
            await cursor.execute(TABLE)
            await cursor.executemany("INSERT INTO t VALUES (%s, %s)", ROWS)
            yield self

    async def ask(self, text, *values):
        async with self.db.cursor() as cursor:
            await cursor.execute(text.format(*["%s" for _ in values]), values or None)  # Q
            return await cursor.fetchall()

    async def many(self, text, rows):
        async with self.db.cursor() as cursor:
            await cursor.executemany(text.format("%s", "%s"), rows)


POSTGRESQL = [Asyncpg, Psycopg, AsyncPsycopg, Psycopg2]
SQLITE = [Sqlite, Aiosqlite]
MYSQL = [Mysql, Mysqlclient, Aiomysql]


def found(driver, servers, run):
    """The findings in ``await run(db)``."""
    inprofile.instrument()

    async def work():
        async with driver().open(servers) as db:
            with record() as recording:
                await run(db)
        return recording.findings

    return asyncio.run(work())
