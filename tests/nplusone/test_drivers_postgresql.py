"""What PostgreSQL's drivers have besides statements: prepared ones, cursors, pipelines, copies."""

import asyncio
import contextlib

import asyncpg
import psycopg
import psycopg2
import pytest
from psycopg import sql
from psycopg2 import extras
from psycopg2 import sql as sql2

import inprofile
from inprofile.testing import record
from tests.nplusone.judging import findings, marked, place

TABLE = "CREATE TEMPORARY TABLE t (id INT, v TEXT)"
ROWS = [(n, f"v{n}") for n in range(1, 9)]


@pytest.fixture(autouse=True)
def instrumented():
    inprofile.instrument()


@pytest.fixture
def db(postgres_dsn):
    """A connection of psycopg's."""
    with psycopg.connect(postgres_dsn) as db:
        db.execute(TABLE)
        db.cursor().executemany("INSERT INTO t VALUES (%s, %s)", ROWS)
        yield db


@pytest.fixture
def old(postgres_dsn):
    """A connection of psycopg2's."""
    inprofile.instrument()
    with contextlib.closing(psycopg2.connect(postgres_dsn)) as db, db.cursor() as cursor:
        cursor.execute(TABLE)
        extras.execute_values(cursor, "INSERT INTO t VALUES %s", ROWS)
        yield db


def asked(dsn, run):
    """The findings in ``await run(db)`` for a connection of asyncpg's."""

    async def work():
        db = await asyncpg.connect(dsn)
        await db.execute(TABLE)
        await db.executemany("INSERT INTO t VALUES ($1, $2)", ROWS)
        with record() as recording:
            await run(db)
        await db.close()
        return recording.findings

    return asyncio.run(work())


def found(run, one):
    marks = marked(run)
    assert (one.kind, one.count) == ("n_plus_one", 4)
    assert place(one.loop) == marks["L"]
    assert place(one.query) == marks["Q"]


# asyncpg


async def rows(db):
    for n in range(4):  # L
        await db.fetchrow("SELECT v FROM t WHERE id = $1", n)  # Q


async def values(db):
    for n in range(4):  # L
        await db.fetchval("SELECT v FROM t WHERE id = $1", n, column=0)  # Q


async def executions(db):
    for n in range(4):  # L
        await db.execute("DELETE FROM t WHERE id = $1", n)  # Q


async def prepared(db):
    statement = await db.prepare("SELECT v FROM t WHERE id = $1")
    for n in range(4):  # L
        await statement.fetch(n)  # Q


async def prepared_value(db):
    statement = await db.prepare("SELECT v FROM t WHERE id = $1")
    return [await statement.fetchval(n) for n in range(4)]  # L Q


async def cursors(db):
    async with db.transaction():
        for n in range(4):  # L
            async for _row in db.cursor("SELECT v FROM t WHERE id = $1", n):  # Q
                pass


async def for_each_row(db):
    async with db.transaction():
        async for row in db.cursor("SELECT id FROM t WHERE id <= 4", prefetch=2):  # L
            await db.fetch("SELECT v FROM t WHERE id = $1", row["id"])  # Q


@pytest.mark.parametrize(
    "run", [rows, values, executions, prepared, prepared_value, cursors, for_each_row]
)
def test_every_way_to_ask_one_by_one_is_found(run, postgres_dsn):
    (finding,) = asked(postgres_dsn, run)
    found(run, finding)
    assert finding.fix == "WHERE id = ANY($1)"


async def fetched_by_a_cursor(db):
    async with db.transaction():
        cursor = await db.cursor("SELECT v FROM t")
        while await cursor.fetch(1):
            pass


async def streamed(db):
    async with db.transaction():
        async for _row in db.cursor("SELECT v FROM t", prefetch=1):
            pass


async def copied(db):
    for n in range(4):
        await db.copy_records_to_table("t", records=[(n, "x"), (n, "y")])


async def many(db):
    statement = await db.prepare("INSERT INTO t VALUES ($1, $2)")
    for _ in range(4):
        await statement.executemany(ROWS)
        await db.executemany("INSERT INTO t VALUES ($1, $2)", ROWS)


async def in_arrays(db):
    for n in range(4):
        await db.execute(
            "INSERT INTO t SELECT * FROM unnest($1::int[], $2::text[])", [n, n], ["a", "b"]
        )


async def transactions(db):
    for _ in range(6):
        async with db.transaction(), db.transaction():
            await db.execute("SET LOCAL work_mem = '8MB'")


@pytest.mark.parametrize(
    "run", [fetched_by_a_cursor, streamed, copied, many, in_arrays, transactions]
)
def test_what_asyncpg_does_at_once_is_silent(run, postgres_dsn):
    assert asked(postgres_dsn, run) == []


def test_connections_of_a_pool_are_silent_and_statements_on_them_at_once_are_not(postgres_dsn):
    async def one(pool, n):
        async with pool.acquire() as db:
            return await db.fetchval("SELECT $1::int + 1", n)  # Q

    async def work():
        async with asyncpg.create_pool(postgres_dsn, min_size=2, max_size=2) as pool:
            with record() as idle:
                for _ in range(6):
                    async with pool.acquire():
                        pass
            with record() as busy:
                await asyncio.gather(*[one(pool, n) for n in range(4)])  # L
        return idle.findings, busy.findings

    idle, (finding,) = asyncio.run(work())
    assert idle == []
    here = test_connections_of_a_pool_are_silent_and_statements_on_them_at_once_are_not
    found(here, finding)


# psycopg


def composed(db):
    for n in range(4):  # L
        db.execute(sql.SQL("SELECT v FROM t WHERE id = {}").format(sql.Literal(n)))  # Q


def composed_with_parameters(db):
    for n in range(4):  # L
        db.execute(sql.SQL("SELECT v FROM {} WHERE id = %s").format(sql.Identifier("t")), [n])  # Q


def in_bytes(db):
    for n in range(4):  # L
        db.execute(b"SELECT v FROM t WHERE id = %s", (n,))  # Q


def by_name(db):
    for n in range(4):  # L
        db.execute("SELECT v FROM t WHERE id = %(id)s", {"id": n})  # Q


def in_a_comprehension(db):
    return [db.execute("SELECT v FROM t WHERE id = %s", [n]).fetchone() for n in range(4)]  # LQ


def on_named_cursors(db):
    for n in range(4):  # L
        with db.cursor("named") as cursor:
            cursor.execute("SELECT v FROM t WHERE id = %s", [n])  # Q


@pytest.mark.parametrize(
    "run",
    [composed, composed_with_parameters, in_bytes, by_name, in_a_comprehension, on_named_cursors],
)
def test_statements_of_every_make_are_found(run, db):
    (finding,) = findings(run, db)
    found(run, finding)
    assert finding.fix in {"WHERE id = ANY(%s)", "WHERE id = ANY(%(id)s)"}


def in_a_pipeline(db):
    with db.pipeline():
        for n in range(4):
            db.execute("SELECT v FROM t WHERE id = %s", [n])


def fetched_from_a_named_cursor(db):
    with db.cursor("named") as cursor:
        cursor.itersize = 1
        cursor.execute("SELECT v FROM t")
        cursor.fetchmany(2)
        for _ in cursor:
            pass


def one_stream(db):
    for _ in db.cursor().stream("SELECT v FROM t"):
        pass


def many_at_once(db):
    for _ in range(4):
        db.cursor().executemany("INSERT INTO t VALUES (%s, %s)", ROWS)
        with db.cursor().copy("COPY t FROM STDIN") as copy:
            copy.write_row((1, "x"))


def nested_transactions(db):
    for _ in range(6):
        with db.transaction(), db.transaction():
            pass


@pytest.mark.parametrize(
    "run",
    [in_a_pipeline, fetched_from_a_named_cursor, one_stream, many_at_once, nested_transactions],
)
def test_what_psycopg_does_at_once_is_silent(run, db):
    assert findings(run, db) == []


# psycopg2


def on_a_cursor(old):
    with old.cursor() as cursor:
        for n in range(4):  # L
            cursor.execute("SELECT v FROM t WHERE id = %s", (n,))  # Q


def on_a_cursor_of_dicts(old):
    with old.cursor(cursor_factory=extras.RealDictCursor) as cursor:
        for n in range(4):  # L
            cursor.execute("SELECT v FROM t WHERE id = %(id)s", {"id": n})  # Q


def composed_for_psycopg2(old):
    with old.cursor() as cursor:
        for n in range(4):  # L
            cursor.execute(sql2.SQL("SELECT v FROM t WHERE id = {}").format(sql2.Literal(n)))  # Q


def in_tuples_of_one(old):
    with old.cursor() as cursor:
        for n in range(4):  # L
            cursor.execute("SELECT v FROM t WHERE id IN %s", ((n,),))  # Q


@pytest.mark.parametrize(
    "run", [on_a_cursor, on_a_cursor_of_dicts, composed_for_psycopg2, in_tuples_of_one]
)
def test_psycopg2s_statements_are_found(run, old):
    (finding,) = findings(run, old)
    found(run, finding)


def in_tuples(old):
    with old.cursor() as cursor:
        for n in range(0, 8, 2):
            cursor.execute("SELECT v FROM t WHERE id IN %s", ((n, n + 1),))


def helped(old):
    with old.cursor() as cursor:
        for _ in range(4):
            extras.execute_values(cursor, "INSERT INTO t VALUES %s", ROWS, page_size=2)
            extras.execute_batch(cursor, "INSERT INTO t VALUES (%s, %s)", ROWS, page_size=2)


def fetched_in_parts(old):
    with old.cursor("named") as cursor:
        cursor.execute("SELECT v FROM t")
        while cursor.fetchmany(2):
            pass


@pytest.mark.parametrize("run", [in_tuples, helped, fetched_in_parts])
def test_what_psycopg2_does_at_once_is_silent(run, old):
    assert findings(run, old) == []


# A stream for each row.


def streams(db):
    for n in range(4):  # L
        for _row in db.cursor().stream("SELECT v FROM t WHERE id = %s", (n,)):  # Q
            pass


def streams_at_once(db):
    for n in range(4):  # L
        list(db.cursor().stream(query="SELECT v FROM t WHERE id = %s", params=(n,)))  # Q


@pytest.mark.parametrize("run", [streams, streams_at_once])
def test_a_stream_for_each_row_is_a_statement_for_each(run, db):
    (finding,) = findings(run, db)
    found(run, finding)
    assert finding.fix == "WHERE id = ANY(%s)"


async def streams_async(db):
    for n in range(4):  # L
        async for _row in db.cursor().stream("SELECT v FROM t WHERE id = %s", (n,)):  # Q
            pass


def test_so_is_one_of_an_asynchronous_connection(postgres_dsn):
    async def work():
        async with await psycopg.AsyncConnection.connect(postgres_dsn) as db:
            await db.execute(TABLE)
            with record() as recording:
                await streams_async(db)
        return recording.findings

    (finding,) = asyncio.run(work())
    found(streams_async, finding)


def test_one_stream_of_many_rows_is_none(db):
    def run():
        for _ in db.cursor().stream("SELECT v FROM t WHERE id = ANY(%s)", ([1, 2, 3, 4],)):
            pass

    assert findings(run) == []
