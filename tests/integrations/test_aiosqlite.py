"""aiosqlite: timed, and otherwise the library that its documentation describes."""

import asyncio
import sqlite3
from collections import Counter
from typing import Any

import aiosqlite
import pytest

import inprofile
from inprofile.testing import record
from tests.integrations.spans import spans

USES: dict[str, Any] = {}


def use(function):
    """A documented use of the library that must give the same with us as without."""
    USES[function.__name__] = function
    return function


async def fill(db):
    await db.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")
    await db.executemany("INSERT INTO t VALUES (?, ?)", [(1, "x"), (2, "y"), (3, "z")])
    await db.commit()


async def raised(awaitable):
    """The type, arguments and SQLite's code of the error that something awaited ends with."""
    with pytest.raises(Exception) as error:  # noqa: PT011 - whichever it is, it is compared
        await awaitable
    return type(error.value), error.value.args, getattr(error.value, "sqlite_errorname", None)


@use
async def the_types_are_the_documented_ones():
    async with aiosqlite.connect(":memory:") as db, db.execute("SELECT 1") as cursor:
        return [
            type(db) is aiosqlite.Connection,
            type(cursor) is aiosqlite.Cursor,
            type(db._conn) is sqlite3.Connection,
            type(cursor._cursor) is sqlite3.Cursor,
        ]


@use
async def statements_may_be_given_by_keyword():
    async with aiosqlite.connect(database=":memory:") as db:
        await fill(db)
        await db.execute(sql="DELETE FROM t WHERE a = ?", parameters=[3])
        await db.executemany(sql="INSERT INTO t VALUES (?, 'w')", parameters=[[4]])
        await db.executescript(sql_script="SELECT 1; SELECT 2")
        cursor = await db.cursor()
        await cursor.execute(sql="SELECT a FROM t", parameters=[])
        return list(await cursor.fetchmany(size=2)), await cursor.fetchone()


@use
async def rows_are_fetched_in_every_way():
    async with aiosqlite.connect(":memory:", iter_chunk_size=2) as db:
        await fill(db)
        db.row_factory = sqlite3.Row
        db.text_factory = bytes
        cursor = await db.execute("SELECT a, b FROM t")
        return [
            tuple(await cursor.fetchone() or ()),
            [tuple(row) for row in await cursor.fetchall()],
            [tuple(row) async for row in await db.execute("SELECT a, b FROM t")],
            [tuple(row) for row in await db.execute_fetchall("SELECT b FROM t")],
            tuple(await db.execute_insert("INSERT INTO t (b) VALUES ('v')") or ()),
            cursor.description,
            cursor.rowcount,
            db.total_changes,
        ]


@use
async def the_users_own_factory_is_used():
    class Mine(sqlite3.Connection):
        pass

    async with aiosqlite.connect(":memory:", factory=Mine) as db:
        return isinstance(db._conn, Mine), await db.execute_fetchall("SELECT 1")


@use
async def dumps_backups_and_functions_work():
    pages = []
    async with aiosqlite.connect(":memory:") as db, aiosqlite.connect(":memory:") as copy:
        await fill(db)
        await db.create_function("twice", 1, lambda value: value * 2)
        await db.backup(copy, pages=1, progress=lambda *told: pages.append(told))
        return [
            [line async for line in copy.iterdump()],
            bool(pages),
            list(await db.execute_fetchall("SELECT twice(b) FROM t")),
        ]


@use
async def errors_are_the_librarys_own():
    async with aiosqlite.connect(":memory:") as db:
        await fill(db)
        result = [
            await raised(db.execute("INSERT INTO t VALUES (1, 'again')")),
            await raised(db.execute("SELEC")),
            await raised(db.execute(None)),
            await raised(db.execute("SELECT ?", ())),
            await raised(db.executemany("SELECT 1", [()])),
            await raised(db.execute_fetchall("SELECT no_such")),
            await raised(db.execute_insert("INSERT INTO no_such VALUES (1)")),
        ]
    return [*result, await raised(db.execute("SELECT 1"))]


@use
async def sqlite_is_given_the_same_statements():
    seen = list[str]()
    async with aiosqlite.connect(":memory:") as db:
        await db.set_trace_callback(seen.append)
        await fill(db)
        await db.execute_fetchall("SELECT  a FROM t WHERE b = 'literal'")
        await db.execute("DELETE FROM t")
        await db.rollback()
    return seen


@pytest.mark.parametrize("name", USES)
def test_the_library_works_as_documented(name):
    inprofile.uninstrument()
    without = asyncio.run(USES[name]())
    with record(), inprofile.job("work"):
        within = asyncio.run(USES[name]())
    assert within == without


def traced(recorded, work):
    """The trace of one job that does ``work``."""
    with inprofile.job("work"):
        asyncio.run(work())
    return recorded.trace


def test_each_statement_is_a_span_with_its_literals_masked(recorded):
    async def work():
        async with aiosqlite.connect(":memory:") as db:
            await fill(db)
            await db.execute_fetchall("SELECT a FROM t WHERE b = 'secret'")
            await db.execute_insert("INSERT INTO t VALUES (4, 'secret')")
            cursor = await db.execute("SELECT a FROM t")
            assert await cursor.fetchone() == (1,)
            assert list(await cursor.fetchmany(2)) == [(2,), (3,)]
            assert list(await cursor.fetchall()) == [(4,)]
            await cursor.execute("SELECT b FROM t")
            assert len([row async for row in cursor]) == 4
            await db.executescript("SELECT 1; SELECT 2")
            await db.rollback()

    trace = traced(recorded, work)
    assert [span for span in spans(trace) if span[3]] == [
        ("db", "CONNECT", "work", 1),
        ("db", "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)", "work", 1),
        ("db", "INSERT INTO t VALUES (?)", "work", 1),
        ("db", "COMMIT", "work", 1),
        ("db", "SELECT a FROM t WHERE b = ?", "work", 1),
        ("db", "INSERT INTO t VALUES (?)", "work", 1),
        ("db", "SELECT a FROM t", "work", 1),
        ("db", "SELECT b FROM t", "work", 1),
        ("db", "SELECT ?; SELECT ?", "work", 1),
        ("db", "ROLLBACK", "work", 1),
    ]
    assert {name for _, name, _, count in spans(trace) if not count} == {
        "SELECT a FROM t",
        "SELECT b FROM t",
    }


def test_a_statement_has_the_attributes_of_opentelemetry(recorded):
    async def work():
        async with aiosqlite.connect(":memory:") as db:
            await fill(db)

    attributes = [
        span.attributes for span in traced(recorded, work).spans if "INSERT" in str(span.name)
    ]
    assert attributes == [
        {
            "db.system.name": "sqlite",
            "db.operation.name": "INSERT",
            "db.collection.name": "t",
            "db.query.summary": "INSERT t",
        }
    ]


def test_the_time_of_a_fetch_goes_to_the_statement(recorded):
    async def work():
        async with aiosqlite.connect(":memory:") as db:
            await fill(db)
            await db.create_function("slow", 1, slow)
            await (await db.execute("SELECT slow(a) FROM t")).fetchall()

    trace = traced(recorded, work)
    spent = [(span.count, span.self_ns) for span in trace.spans if "slow" in str(span.name)]
    assert [count for count, _ in spent] == [1, 0]
    assert sum(self_ns for _, self_ns in spent) > 30_000_000
    assert sum(trace.stages.values()) == trace.wall_ns


def slow(value):
    import time

    time.sleep(0.01)
    return value


def test_fetches_of_cursors_in_turns_are_never_taken_for_another_statements(recorded):
    async def work():
        async with aiosqlite.connect(":memory:") as db:
            await fill(db)
            first = await db.execute("SELECT a FROM t")
            second = await db.execute("SELECT b FROM t")
            await first.fetchall()
            await second.fetchall()

    seen = spans(traced(recorded, work))
    assert seen[-4:] == [
        ("db", "SELECT a FROM t", "work", 1),
        ("db", "SELECT b FROM t", "work", 1),
        ("db", "FETCH", "work", 0),
        ("db", "SELECT b FROM t", "work", 0),
    ]


def test_statements_at_once_are_all_counted_and_add_up(recorded):
    async def one(number):
        async with aiosqlite.connect(":memory:") as db:
            cursor = await db.execute(f"SELECT {number} AS one")
            return await cursor.fetchone()

    async def work():
        assert await asyncio.gather(*map(one, range(20))) == [(number,) for number in range(20)]

    trace = traced(recorded, work)
    counts = Counter[tuple[str, str]]()
    for _, name, parent, count in spans(trace):
        counts[name, parent] += count
    assert +counts == {("CONNECT", "work"): 20, ("SELECT ? AS one", "work"): 20}
    assert sum(trace.stages.values()) == trace.wall_ns


def test_a_statement_that_fails_says_with_what(recorded):
    async def work():
        async with aiosqlite.connect(":memory:") as db:
            await fill(db)
            with pytest.raises(sqlite3.IntegrityError):
                await db.execute("INSERT INTO t VALUES (1, 'again')")

    seen = [(str(span.name), span.error) for span in traced(recorded, work).spans if span.error]
    assert seen == [("INSERT INTO t VALUES (?)", "IntegrityError")]
