"""asyncpg on a real server: timed, and otherwise the library that its documentation describes."""

import asyncio
import contextlib
import gc
import io
import weakref
from typing import Any

import asyncpg
import pytest

import inprofile
from inprofile.testing import record
from tests.integrations.spans import spans
from tests.integrations.unspeakable import Unspeakable

USES: dict[str, Any] = {}
SLOW = "SELECT a, pg_sleep(0.01) FROM t"


def use(function):
    """A documented use of the library that must give the same with us as without."""
    USES[function.__name__] = function
    return function


@contextlib.asynccontextmanager
async def filled(dsn, **options):
    db = await asyncpg.connect(dsn, **options)
    await db.execute("CREATE TEMP TABLE t (a int PRIMARY KEY, b text)")
    await db.executemany("INSERT INTO t VALUES ($1, $2)", [(1, "x"), (2, "y"), (3, "z")])
    try:
        yield db
    finally:
        await db.close()


def plain(rows):
    return [tuple(row) for row in rows]


async def raised(call, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
    """The type, message and code of the error that a call ends with."""
    with pytest.raises(Exception) as error:  # noqa: PT011 - whichever it is, it is compared
        await call(*args, **kwargs)
    return type(error.value), str(error.value), getattr(error.value, "sqlstate", None)


@use
async def the_types_are_the_librarys_own(dsn):
    async with filled(dsn) as db:
        prepared = await db.prepare("SELECT a FROM t")
        async with db.transaction() as transaction:
            cursor = await db.cursor("SELECT a FROM t")
            found = [db, prepared, cursor, transaction, await cursor.fetch(1)]
        return [type(each) for each in found]


@use
async def rows_are_fetched_in_every_way(dsn):
    async with filled(dsn) as db:
        prepared = await db.prepare(query="SELECT a FROM t WHERE a > $1 ORDER BY a")
        found: list[Any] = [
            await db.execute("INSERT INTO t VALUES ($1)", 4),
            await db.executemany(command="INSERT INTO t VALUES ($1)", args=[[5]]),
            plain(await db.fetch("SELECT a, b FROM t ORDER BY a")),
            await db.fetchval(query="SELECT b FROM t WHERE a = 1", column=0),
            tuple(await db.fetchrow("SELECT a FROM t WHERE a = $1", 2)),
            plain(await prepared.fetch(1)),
            await prepared.fetchval(1),
            tuple(await prepared.fetchrow(1)),
            prepared.get_query(),
            prepared.get_statusmsg(),
            type(await prepared.explain(1)),
        ]
        insert = await db.prepare("INSERT INTO t VALUES ($1)")
        await insert.executemany([[6], [7]])
        async with db.transaction():
            rows = db.cursor("SELECT a FROM t ORDER BY a", prefetch=2)
            found.append([tuple(row) async for row in rows])
            cursor = await prepared.cursor(2)
            found += [await cursor.fetchrow(), await cursor.forward(1), await cursor.fetch(9)]
            found.append(await cursor.fetchrow())
        return found


@use
async def rows_are_copied_in_and_out(dsn):
    out = io.BytesIO()
    async with filled(dsn) as db:
        return [
            await db.copy_records_to_table("t", records=[(5, "five")]),
            await db.copy_to_table("t", source=io.BytesIO(b"6\tsix\n"), columns=["a", "b"]),
            await db.copy_from_table("t", output=out),
            await db.copy_from_query("SELECT a FROM t WHERE a > $1", 2, output=out),
            out.getvalue(),
        ]


@use
async def transactions_end_as_they_should(dsn):
    async with filled(dsn) as db:
        with contextlib.suppress(KeyError):
            async with db.transaction(isolation="serializable"):
                with contextlib.suppress(KeyError):
                    async with db.transaction():
                        await db.execute("DELETE FROM t")
                        raise KeyError
                async with db.transaction():
                    await db.execute("DELETE FROM t WHERE a = 1")
                raise KeyError
        transaction = db.transaction()
        await transaction.start()
        found = [db.is_in_transaction(), await raised(transaction.start)]
        await transaction.commit()
        return [*found, db.is_in_transaction(), await db.fetchval("SELECT count(*) FROM t")]


WRONG: list[Any] = [
    lambda db: db.execute(),
    lambda db: db.execute(None),
    lambda db: db.execute(b"SELECT 1"),
    lambda db: db.execute("SELECT " + "1 + " * 2_500_000),
    lambda db: db.execute("INSERT INTO t VALUES (1)"),
    lambda db: db.executemany(Unspeakable(), [()]),
    lambda db: db.executemany("INSERT INTO t VALUES ($1)", [[9], [1]]),
    lambda db: db.fetch(b"SELECT \xff"),
    lambda db: db.fetch(Unspeakable()),
    lambda db: db.fetch("SELEC"),
    lambda db: db.fetch("SELECT pg_sleep(9)", timeout=0.02),
    lambda db: db.fetchval("SELECT \ud800"),
    lambda db: db.fetchrow("SELECT $1::int", 1, 2),
    lambda db: db.prepare(None),
    lambda db: db.copy_from_table(Unspeakable(), output=io.BytesIO()),
    lambda db: db.copy_from_query(None, output=io.BytesIO()),
    lambda db: db.copy_records_to_table("no_such", records=[(1,)]),
    lambda db: anext(aiter(db.cursor("SELECT 1"))),
]


@use
async def errors_are_the_librarys_own(dsn):
    found = [
        await raised(asyncpg.connect, "postgresql:///?host=/no/such/directory"),
        await raised(asyncpg.connect, no_such="option"),
        await raised(asyncpg.connect, connection_class=int),
    ]
    for wrong in WRONG:
        async with filled(dsn) as db:  # some of these end the connection
            found += [await raised(wrong, db), db.is_closed()]
    return found


@use
async def a_pool_lends_and_takes_back(dsn):
    async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
        async with pool.acquire() as db:
            found = [type(db), await db.fetchval("SELECT 1"), await raised(pool._acquire, 0.01)]
        db = await pool.acquire(timeout=5)
        await pool.release(db)
        found += [await raised(db.fetchval, "SELECT 1"), await pool.fetchval("SELECT 2")]
        return [*found, pool.get_size(), pool.get_idle_size()]


@use
async def the_server_is_given_the_same_statements(dsn):
    from asyncpg import Connection

    if not hasattr(Connection, "add_query_logger"):
        return []
    seen = []
    async with filled(dsn) as db:
        db.add_query_logger(lambda told: seen.append((told.query, told.args)))
        await db.fetch("SELECT  a FROM t WHERE b = 'literal'")
        await db.executemany("INSERT INTO t VALUES ($1)", [[5], [6]])
        await db.fetchval("SELECT count(*) FROM t WHERE a > $1", 1)
    return seen


@pytest.mark.parametrize("name", USES)
def test_the_library_works_as_documented(name, postgres_dsn):
    inprofile.uninstrument()
    without = asyncio.run(USES[name](postgres_dsn))
    with record(), inprofile.job("work"):
        within = asyncio.run(USES[name](postgres_dsn))
        assert inprofile.status()["errors"] == 0
    assert within == without


def traced(recorded, work):
    """The trace of one job that does ``work``."""

    async def job():
        with inprofile.job("work"):
            await work()

    asyncio.run(job())
    return recorded.trace


def test_each_operation_is_a_span_with_its_literals_masked(recorded, postgres_dsn):
    async def work():
        async with filled(postgres_dsn) as db:
            await db.fetch("SELECT a FROM t WHERE b = 'secret' AND a > 5")
            await db.fetchrow("SELECT a FROM t WHERE a = $1", 1)
            await db.fetchval("SELECT b FROM t WHERE a = $1", 1)
            prepared = await db.prepare("SELECT 'p', a FROM t")
            await prepared.fetch()
            await prepared.fetchval()
            async with db.transaction():
                async with db.transaction():
                    pass
                with contextlib.suppress(KeyError):
                    async with db.transaction():
                        raise KeyError
            await db.copy_from_table("t", output=io.BytesIO())
            await db.copy_from_query("SELECT 'secret'", output=io.BytesIO())
            await db.copy_records_to_table("t", records=[(5, "five")])
            await db.copy_to_table("t", source=io.BytesIO(b""))

    trace = traced(recorded, work)
    assert [(name, parent, count) for _, name, parent, count in spans(trace) if count] == [
        ("CONNECT", "work", 1),
        ("CREATE TEMP TABLE t (a int PRIMARY KEY, b text)", "work", 1),
        ("INSERT INTO t VALUES (?)", "work", 1),
        ("SELECT a FROM t WHERE b = ? AND a > ?", "work", 1),
        ("SELECT a FROM t WHERE a = $1", "work", 1),
        ("SELECT b FROM t WHERE a = $1", "work", 1),
        ("SELECT ?, a FROM t", "work", 1),
        ("SELECT ?, a FROM t", "work", 1),
        ("BEGIN", "work", 1),
        ("SAVEPOINT", "work", 1),
        ("RELEASE SAVEPOINT", "work", 1),
        ("SAVEPOINT", "work", 1),
        ("ROLLBACK TO", "work", 1),
        ("COMMIT", "work", 1),
        ("COPY t TO STDOUT", "work", 1),
        ("COPY (SELECT ?) TO STDOUT", "work", 1),
        ("COPY t FROM STDIN", "work", 1),
        ("COPY t FROM STDIN", "work", 1),
    ]
    assert [name for _, name, _, count in spans(trace) if not count] == ["SELECT ?, a FROM t"]
    assert sum(trace.stages.values()) == trace.wall_ns


def test_a_statement_has_the_attributes_of_opentelemetry(recorded, postgres_dsn):
    async def work():
        async with filled(postgres_dsn):
            pass

    found = [s.attributes for s in traced(recorded, work).spans if "INSERT" in str(s.name)]
    assert found == [
        {
            "db.system.name": "postgresql",
            "db.operation.name": "INSERT",
            "db.collection.name": "t",
            "db.query.summary": "INSERT t",
        }
    ]


async def iterated(db):
    assert len([row async for row in db.cursor(SLOW, prefetch=1)]) == 3


async def fetched(db):
    cursor = await db.cursor(SLOW)
    assert await cursor.fetchrow()
    assert len(await cursor.fetch(5)) == 2


@pytest.mark.parametrize("way", [iterated, fetched])
def test_a_cursor_is_one_operation_with_the_time_of_all_its_rows(way, recorded, postgres_dsn):
    async def work():
        async with filled(postgres_dsn) as db, db.transaction():
            with inprofile.job("work"):
                await way(db)

    asyncio.run(work())
    trace = recorded.trace
    assert {(kind, name) for kind, name, _, _ in spans(trace)} == {
        ("db", "SELECT a, pg_sleep(?) FROM t")
    }
    assert sum(count for _, _, _, count in spans(trace)) == 1
    assert len(trace.spans) == 3  # preparing, running, the root
    assert trace.stages["db"] > 30_000_000
    assert sum(trace.stages.values()) == trace.wall_ns


def test_a_pool_shows_how_long_its_connection_was_waited_for(recorded, postgres_dsn):
    async def hold(pool):
        with inprofile.span("holds"):
            async with pool.acquire() as db:
                await db.fetchval("SELECT pg_sleep(0.05)")

    async def work():
        async with asyncpg.create_pool(postgres_dsn, min_size=1, max_size=1) as pool:
            with inprofile.job("work"):
                await asyncio.gather(hold(pool), hold(pool))

    asyncio.run(work())
    trace = recorded.trace
    assert [(kind, parent) for kind, name, parent, _ in spans(trace) if name == "acquire"] == [
        ("db_pool_wait", "holds")
    ] * 2
    waits = sorted(s.duration_ns for s in trace.spans if s.kind == "db_pool_wait")
    assert waits[0] < waits[1] > 50_000_000
    assert sum(trace.stages.values()) == trace.wall_ns


def test_statements_at_once_keep_their_parents_and_add_up(recorded, postgres_dsn):
    async def one(pool, number):
        with inprofile.span(f"task {number}"):
            return await pool.fetchval("SELECT $1::int", number)

    async def work():
        async with asyncpg.create_pool(postgres_dsn, min_size=2, max_size=3) as pool:
            with inprofile.job("work"):
                return await asyncio.gather(*(one(pool, number) for number in range(6)))

    assert asyncio.run(work()) == list(range(6))
    trace = recorded.trace
    seen = [(name, parent) for _, name, parent, _ in spans(trace, "db") if "int" in name]
    assert sorted(seen) == [("SELECT $1::int", f"task {number}") for number in range(6)]
    assert sum(trace.stages.values()) == trace.wall_ns


def test_a_statement_that_fails_says_with_what(recorded, postgres_dsn):
    async def work():
        async with filled(postgres_dsn) as db:
            await raised(db.execute, "INSERT INTO t VALUES (1, 'again')")
            await raised(db.fetchval, "SELECT pg_sleep(9)", timeout=0.01)

    found = [(str(s.name), s.error) for s in traced(recorded, work).spans if s.error]
    assert found == [
        ("INSERT INTO t VALUES (?)", "UniqueViolationError"),
        ("SELECT pg_sleep(?)", "TimeoutError"),
    ]


def test_nothing_keeps_a_connection_alive(recorded, postgres_dsn):
    async def work():
        async with filled(postgres_dsn) as db, db.transaction():
            cursor = await db.cursor("SELECT a FROM t")
            await cursor.fetch(1)
            gone = weakref.ref(db)
        del db, cursor
        await asyncio.sleep(0)
        gc.collect()
        assert gone() is None

    traced(recorded, work)


def test_a_pool_outlives_the_measurement(recorded, postgres_dsn):
    async def work():
        async with asyncpg.create_pool(postgres_dsn, min_size=1, max_size=1) as pool:
            with inprofile.job("work"):
                held = await pool.acquire()
            inprofile.uninstrument()
            assert await held.fetchval("SELECT 1") == 1
            await pool.release(held)
            assert await pool.fetchval("SELECT 2") == 2

    asyncio.run(work())
