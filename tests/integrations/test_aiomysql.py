"""aiomysql: timed, and otherwise the library that its documentation describes."""

import asyncio
import contextlib
import warnings
from typing import Any

import aiomysql
import pytest

import inprofile
from inprofile.core.recorder import current
from inprofile.testing import record
from tests.integrations.mysql_parts import (
    FILL,
    PROCEDURE,
    QUESTIONS,
    ROWS,
    TABLE,
    Unlucky,
    looks,
)
from tests.integrations.spans import names, spans

USES: dict[str, Any] = {}
STREAMED = "SELECT a, b, REPEAT('x', 16000), SLEEP(0.002) FROM t"
STREAMED_NAME = "SELECT a, b, REPEAT(?, ?), SLEEP(?) FROM t"


def use(function):
    """A documented use of the library that must give the same with us as without."""
    USES[function.__name__] = function
    return function


@pytest.fixture
def options(mariadb):
    return {"unix_socket": mariadb.unix_socket, "user": mariadb.user, "db": mariadb.database}


@contextlib.asynccontextmanager
async def filled(options, **more):
    """A connection with the table and its rows."""
    async with aiomysql.connect(**options, **more) as db, db.cursor() as cursor:
        await cursor.execute(TABLE)
        await cursor.executemany(FILL, ROWS)
        await db.commit()
        yield db


async def asked(db, statement, *args):
    async with db.cursor() as cursor:
        await cursor.execute(statement, *args)
        return await cursor.fetchall()


async def raised(awaitable):
    with pytest.raises(Exception) as error:  # noqa: PT011 - whichever it is, it is compared
        await awaitable
    return looks(error.value)


def misused(call, *args, **kwargs):
    with pytest.raises(Exception) as error:  # noqa: PT011 - whichever it is, it is compared
        call(*args, **kwargs)
    return looks(error.value)


@use
async def the_types_are_the_documented_ones(options):
    async with aiomysql.connect(**options) as db, db.cursor(aiomysql.SSDictCursor) as streaming:
        cursor = await db.cursor()
        await cursor.execute("SELECT 1")
        return [
            type(db) is aiomysql.Connection,
            type(cursor) is aiomysql.Cursor,
            type(streaming) is aiomysql.SSDictCursor,
            cursor.connection is db,
            asyncio.isfuture(cursor.fetchone()),
            asyncio.isfuture(cursor.fetchall()),
            type(aiomysql.connect(**options)).__name__,
        ]


@use
async def statements_may_be_given_in_any_way(options):
    async with filled(options) as db, db.cursor() as cursor:
        return [
            await cursor.execute("SELECT 1"),
            await cursor.execute(query="SELECT %s", args=(1,)),
            await cursor.execute("SELECT %(n)s, '%%'", {"n": 5}),
            await cursor.fetchall(),
            await cursor.execute(b"SELECT 'bytes'"),
            await cursor.executemany(query=FILL, args=[(4, "v"), (5, "w")]),
            await cursor.executemany(FILL, []),
            await cursor.executemany("UPDATE t SET b = %s WHERE a = %s", [("n", 1), ("n", 2)]),
            await cursor.execute("SELECT LENGTH('" + "x" * 10_000_000 + "')"),
            await cursor.fetchall(),
        ]


@use
async def rows_are_fetched_in_every_way(options):
    result = []
    async with filled(options) as db:
        for kind in ("Cursor", "DictCursor", "SSCursor", "SSDictCursor"):
            async with db.cursor(getattr(aiomysql, kind)) as cursor:
                await cursor.execute("SELECT a, b FROM t ORDER BY a")
                result += [await cursor.fetchone(), await cursor.fetchmany(1)]
                result += [await cursor.fetchmany(size=5), await cursor.fetchone()]
                result += [await cursor.fetchall(), cursor.rownumber]
                await cursor.execute("SELECT a FROM t ORDER BY a")
                result += [[row async for row in cursor], cursor.description, cursor.rowcount]
        result.append(await asked(db, QUESTIONS))
    return result


@use
async def results_may_be_several(options):
    async with aiomysql.connect(**options) as db, db.cursor() as cursor:
        await cursor.execute(PROCEDURE)
        result = [await cursor.callproc("twice", (21,)), await cursor.fetchall()]
        result += [await cursor.nextset(), await cursor.fetchall(), await cursor.nextset()]
        result += [await cursor.nextset(), await cursor.callproc(procname="twice", args=[4])]
    return result


@use
async def transactions_are_what_they_were(options):
    async with filled(options) as db:
        result = [await db.begin(), await asked(db, "DELETE FROM t"), await db.rollback()]
        result += [await asked(db, "DELETE FROM t WHERE a = 1"), await db.commit()]
        result += [await asked(db, "SELECT a FROM t"), await db.autocommit(True)]
        return [*result, await db.autocommit(True), db.get_autocommit()]


@use
async def errors_are_the_librarys_own(options):
    async with filled(options) as db, db.cursor() as cursor:
        result = [
            misused((await db.cursor()).fetchone),
            misused(cursor.execute),
            misused(cursor.execute, sql="SELECT 1"),
            await raised(cursor.execute("SELEC")),
            await raised(cursor.execute(None)),
            await raised(cursor.execute(5)),
            await raised(cursor.execute("SELECT %s, %s", (1,))),
            await raised(cursor.execute(FILL, (1, "again"))),
            await raised(cursor.executemany(FILL, [(9, "a"), (1, "again")])),
            await raised(cursor.executemany(None, [1])),
            await raised(cursor.callproc("no_such")),
            await raised(aiomysql.connect(**{**options, "db": "no_such"})),
            misused(cursor.fetchmany, "many"),
            await raised(cursor.execute("SELECT %s", (Unlucky(),))),
            await raised(cursor.execute(Unlucky())),
            await raised(cursor.executemany(FILL, Unlucky())),
            await raised(cursor.callproc(Unlucky())),
        ]
    result.append(await raised(cursor.execute("SELECT 1")))
    return [*result, await raised(db.commit())]


@use
async def a_pool_lends_its_connections(options):
    async with aiomysql.create_pool(minsize=1, maxsize=2, **options) as pool:
        async with pool.acquire() as db, pool.acquire() as other:
            result = [type(db) is aiomysql.Connection, db is other, pool.size, pool.freesize]
            result.append(await asked(db, "SELECT 1"))
        again = await pool.acquire()
        result += [again in (db, other), type(pool.acquire()).__name__]
        await pool.release(again)
        return [*result, pool.freesize]


@use
async def warnings_are_the_librarys_own(options):
    async with aiomysql.connect(**options) as db:
        with warnings.catch_warnings(record=True, action="always") as seen:
            await asked(db, "SELECT 1 / 0, CAST('x' AS INT)")
    return [(each.filename, each.lineno, str(each.message)) for each in seen]


@pytest.mark.filterwarnings("ignore:coroutine '.*' was never awaited:RuntimeWarning")
@pytest.mark.parametrize("name", USES)
def test_the_library_works_as_documented(name, options):
    inprofile.uninstrument()
    without = asyncio.run(USES[name](options))
    with record(), inprofile.job("work"):
        within = asyncio.run(USES[name](options))
        assert inprofile.status()["errors"] == 0
    assert within == without


def traced(recorded, work):
    """The trace of one job that does ``work``."""
    with inprofile.job("work"):
        asyncio.run(work())
    return recorded.trace


def test_each_statement_is_a_span_with_its_literals_masked(options, recorded):
    async def work():
        async with filled(options) as db, db.cursor() as cursor:
            await cursor.execute("SELECT a FROM t WHERE b = 'secret' AND a > %s", (5,))
            await cursor.fetchall()
            await cursor.execute('SELECT b FROM t WHERE b = "secret"')
            assert await cursor.fetchone() is None
            await cursor.execute("SELECT b FROM t")
            assert [row async for (row,) in cursor] == ["x", "y", "z"]
            await db.begin()
            await db.rollback()
            await db.autocommit(True)
            await db.autocommit(True)

    assert spans(traced(recorded, work)) == [
        ("db", "CONNECT", "work", 1),
        ("db", TABLE.replace("(50)", "(?)"), "work", 1),
        ("db", "INSERT INTO t (a, b) VALUES (?)", "work", 1),
        ("db", "COMMIT", "work", 1),
        ("db", "SELECT a FROM t WHERE b = ? AND a > %s", "work", 1),
        ("db", "SELECT b FROM t WHERE b = ?", "work", 1),
        ("db", "SELECT b FROM t", "work", 1),
        ("db", "BEGIN", "work", 1),
        ("db", "ROLLBACK", "work", 1),
        ("db", "SET AUTOCOMMIT", "work", 1),
    ]


def test_a_procedure_with_all_its_results_is_one_span(options, recorded):
    async def work():
        async with aiomysql.connect(**options) as db, db.cursor() as cursor:
            await cursor.execute(PROCEDURE)
            await cursor.callproc("twice", (21,))
            assert await cursor.nextset()
            assert await cursor.fetchall() == ((42,),)

    assert spans(traced(recorded, work))[2:] == [("db", "CALL twice", "work", 1)]


def test_a_statement_has_the_attributes_of_opentelemetry(options, recorded):
    async def work():
        async with filled(options):
            pass

    (attributes,) = [
        span.attributes for span in traced(recorded, work).spans if "INSERT" in str(span.name)
    ]
    assert attributes == {
        "db.system.name": "mysql",
        "db.operation.name": "INSERT",
        "db.collection.name": "t",
        "db.query.summary": "INSERT t",
    }


def test_a_statement_that_fails_says_with_what(options, recorded):
    async def work():
        async with filled(options) as db:
            await raised(asked(db, FILL, (1, "again")))

    seen = [(span.name, span.error) for span in traced(recorded, work).spans if span.error]
    assert seen == [("INSERT INTO t (a, b) VALUES (?)", "IntegrityError")]


async def one_by_one(cursor):
    rows = []
    while row := await cursor.fetchone():
        rows.append(row)
    return rows


async def two_by_two(cursor):
    pages = []
    while page := await cursor.fetchmany(2):
        pages += page
    return pages


async def all_at_once(cursor):
    return await cursor.fetchall()


async def iterated(cursor):
    return [row async for row in cursor]


@pytest.mark.parametrize("kind", ["SSCursor", "SSDictCursor"])
@pytest.mark.parametrize("reading", [one_by_one, two_by_two, all_at_once, iterated])
def test_the_time_of_a_streamed_fetch_goes_to_the_statement(options, kind, reading, recorded):
    """The server computes these rows while they are fetched."""

    async def work():
        async with filled(options) as db, db.cursor(getattr(aiomysql, kind)) as cursor:
            await cursor.execute("INSERT INTO t (b) SELECT 'x' FROM t, t AS u, t AS v")
            await cursor.execute(STREAMED)
            assert len(await reading(cursor)) == 30

    trace = traced(recorded, work)
    (statement,) = [span for span in trace.spans if span.name == STREAMED_NAME]
    assert (statement.count, statement.self_ns > 60_000_000) == (1, True)
    assert {count for _, _, _, count in spans(trace)} == {1}
    assert sum(trace.stages.values()) == trace.wall_ns


def test_thousands_of_rows_are_one_span(options, recorded):
    async def work():
        async with (
            aiomysql.connect(cursorclass=aiomysql.SSCursor, **options) as db,
            db.cursor() as cursor,
        ):
            await cursor.execute("SELECT seq FROM seq_1_to_5000")
            assert sum([row async for (row,) in cursor]) == 12_502_500

    assert names(traced(recorded, work)) == ["CONNECT", "SELECT seq FROM seq_1_to_5000"]


def test_the_rest_that_is_read_at_closing_belongs_to_the_statement(options, recorded):
    async def work():
        async with filled(options) as db:
            await asked(db, "INSERT INTO t (b) SELECT 'x' FROM t, t AS u, t AS v")
            async with db.cursor(aiomysql.SSCursor) as cursor:
                await cursor.execute(STREAMED)
                assert await cursor.fetchone()

    trace = traced(recorded, work)
    (statement,) = [span for span in trace.spans if span.name == STREAMED_NAME]
    assert (statement.count, statement.self_ns > 60_000_000) == (1, True)


def test_statements_at_once_keep_their_parents_and_add_up(options, recorded):
    async def one(number):
        with inprofile.span(f"part {number}"):
            async with aiomysql.connect(**options) as db, db.cursor(aiomysql.SSCursor) as cursor:
                await cursor.execute(f"SELECT {number}, SLEEP(0.01)")
                return await cursor.fetchone()

    async def work():
        rows = await asyncio.gather(*map(one, range(8)))
        assert rows == [(number, 0) for number in range(8)]

    trace = traced(recorded, work)
    assert sorted(spans(trace, "db")) == sorted(
        ("db", name, f"part {number}", 1)
        for number in range(8)
        for name in ("CONNECT", "SELECT ?, SLEEP(?)")
    )
    assert sum(trace.stages.values()) == trace.wall_ns


def test_a_statement_that_is_cancelled_ends_then(options, recorded):
    async def work():
        async with aiomysql.connect(**options) as db:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asked(db, "SELECT SLEEP(60)"), 0.05)
            assert str(current.get()).startswith("<Span handler work")
            db.close()

    seen = [(span.name, span.error) for span in traced(recorded, work).spans if span.error]
    assert seen == [("SELECT SLEEP(?)", "CancelledError")]


def test_a_checkout_holds_the_connecting(options, recorded):
    async def work():
        async with aiomysql.create_pool(minsize=0, **options) as pool:
            for _ in range(2):
                async with pool.acquire() as db:
                    await asked(db, "SELECT 1")

    assert spans(traced(recorded, work)) == [
        ("db_pool_wait", "checkout", "work", 1),
        ("db", "CONNECT", "checkout", 1),
        ("db", "SELECT ?", "work", 1),
        ("db_pool_wait", "checkout", "work", 1),
        ("db", "SELECT ?", "work", 1),
    ]


def test_a_task_that_waits_for_a_connection_says_how_long(options, recorded):
    async def hold(pool, db, started):
        await started.wait()
        await asked(db, "SELECT SLEEP(0.03)")
        await pool.release(db)

    async def wait(pool, started):
        with inprofile.job("waiting"):
            started.set()
            async with pool.acquire():
                pass

    async def work():
        async with aiomysql.create_pool(minsize=1, maxsize=1, **options) as pool:
            started = asyncio.Event()
            await asyncio.gather(hold(pool, await pool.acquire(), started), wait(pool, started))

    asyncio.run(work())
    trace = recorded.trace
    assert spans(trace) == [("db_pool_wait", "checkout", "waiting", 1)]
    assert 30_000_000 <= trace.stages["db_pool_wait"] <= trace.wall_ns


def test_outside_of_a_trace_nothing_is_recorded(options, recorded):
    async def work():
        async with filled(options) as db:
            await asked(db, "SELECT a FROM t")

    asyncio.run(work())
    with inprofile.job("work"):
        pass
    assert [spans(trace) for trace in recorded.traces] == [[]]
