"""What reaches the databases, as their drivers or servers count it: with us as without; and less of
it once what is advised is done.
"""

import asyncio
import contextlib
import re
import tempfile

import psycopg2
import pytest
from psycopg2 import extras

import inprofile
from inprofile.testing import record
from tests.nplusone import test_drivers as shapes
from tests.nplusone.drivers import (
    MYSQL,
    POSTGRESQL,
    ROWS,
    SQLITE,
    TABLE,
    Aiomysql,
    Aiosqlite,
    Asyncpg,
    AsyncPsycopg,
    Psycopg,
    Psycopg2,
    Sqlite,
)
from tests.nplusone.judging import marked, place
from tests.nplusone.test_drivers import servers

__all__ = ["servers"]

every_driver = pytest.mark.parametrize("driver", [*POSTGRESQL, *SQLITE, *MYSQL])
LIBPQ = re.compile(r"\tF\t\d+\t(?:Execute|Query)\b")
OWN = re.compile(r" t WHERE|INTO t ")


class Sent(list):
    """What psycopg2 logs into."""

    write = list.append


class WiredPsycopg2(Psycopg2):
    @contextlib.asynccontextmanager
    async def open(self, servers):
        factory = extras.LoggingConnection
        self.db = psycopg2.connect(servers["postgresql"], connection_factory=factory)
        self.sent = Sent()
        self.db.initialize(self.sent)
        with self.db.cursor() as cursor:
            cursor.execute(TABLE)
            cursor.executemany("INSERT INTO t VALUES (%s, %s)", ROWS)
        self.sent.clear()
        yield self
        self.db.close()


async def of_asyncpg(db, run):
    seen: list[str] = []
    db.db.add_query_logger(lambda record: seen.append(record.query))
    await run(db)
    await asyncio.sleep(0)  # it is told afterwards
    return len([text for text in seen if OWN.search(text)])  # not what asks for types


async def of_libpq(db, run):
    with tempfile.TemporaryFile("w+") as file:
        db.db.pgconn.trace(file.fileno())
        await run(db)
        db.db.pgconn.untrace()
        file.seek(0)
        return len([line for line in file if LIBPQ.search(line)])


async def of_psycopg2(db, run):
    await run(db)
    return len(db.sent)


async def of_sqlite(db, run):
    seen: list[str] = []
    traced = db.db.set_trace_callback(seen.append)
    if isinstance(db, Aiosqlite):
        await traced
    await run(db)
    return len(seen)


QUESTIONS = "SHOW SESSION STATUS LIKE 'Questions'"


async def of_mysql(db, run):
    with contextlib.closing(db.db.cursor()) as cursor:
        cursor.execute(QUESTIONS)
        before = int(cursor.fetchone()[1])
        await run(db)
        cursor.execute(QUESTIONS)
        return int(cursor.fetchone()[1]) - before - 1


async def of_aiomysql(db, run):
    async with db.db.cursor() as cursor:
        await cursor.execute(QUESTIONS)
        before = int((await cursor.fetchone())[1])
        await run(db)
        await cursor.execute(QUESTIONS)
        return int((await cursor.fetchone())[1]) - before - 1


COUNTING = {
    Asyncpg: of_asyncpg,
    Psycopg: of_libpq,
    AsyncPsycopg: of_libpq,
    Psycopg2: of_psycopg2,
    Sqlite: of_sqlite,
    Aiosqlite: of_sqlite,
    Aiomysql: of_aiomysql,
}


def sent(driver, servers, run):
    """The findings in ``await run(db)`` and how many statements are sent, as without us."""
    inprofile.instrument()
    opened = WiredPsycopg2 if driver is Psycopg2 else driver
    counting = COUNTING.get(driver, of_mysql)

    async def work(*, is_recorded):
        async with opened().open(servers) as db:
            if not is_recorded:
                return [], await counting(db, run)
            found = []

            async def recorded(db):
                with record() as recording:
                    await run(db)
                found.extend(recording.findings)

            return found, await counting(db, recorded)

    _, without = asyncio.run(work(is_recorded=False))
    found, within = asyncio.run(work(is_recorded=True))
    assert within == without
    return found, within


async def by_a_list(db):
    values = [1, 2, 3, 4]
    if db.list_of == "= ANY({})":
        await db.ask("SELECT v FROM t WHERE id = ANY({})", values)
    else:
        await db.ask("SELECT v FROM t WHERE id IN ({}, {}, {}, {})", *values)


@every_driver
@pytest.mark.parametrize(
    "run", [shapes.by_key, shapes.by_literal, shapes.by_batches_of_one, shapes.within_a_status]
)
def test_rows_one_by_one_are_as_many_statements_and_one_when_asked_at_once(driver, servers, run):
    (finding,), many = sent(driver, servers, run)
    assert (finding.kind, finding.count, many) == ("n_plus_one", 4, 4)
    assert place(finding.loop) == marked(run)["L"]
    assert place(finding.query) == marked(driver.ask)["Q"]
    if run is not shapes.within_a_status:
        assert driver.one in finding.fix
    assert finding.fix
    assert sent(driver, servers, by_a_list) == ([], 1)


async def in_one_statement(db):
    await db.ask("INSERT INTO t (id, v) VALUES ({}, {}), ({}, {})", 10, "same", 11, "same")


async def by_executemany(db):
    await db.many("INSERT INTO t (id, v) VALUES ({}, {})", [(n, "same") for n in range(10, 14)])


@every_driver
def test_writes_one_by_one_are_as_many_statements(driver, servers):
    (finding,), many = sent(driver, servers, shapes.inserted)
    assert (finding.kind, finding.count, many) == ("n_plus_one", 4, 4)
    assert place(finding.query) == marked(driver.ask)["Q"]
    assert "executemany" in finding.fix
    assert sent(driver, servers, in_one_statement) == ([], 1)
    assert sent(driver, servers, by_executemany)[0] == []


async def by_lists_of_both(db):
    await by_a_list(db)
    await db.ask("SELECT id FROM t WHERE v IN ({}, {})", "v1", "v2")


@every_driver
def test_two_statements_in_turns_are_each_as_many(driver, servers):
    found, many = sent(driver, servers, shapes.interleaved)
    assert [(one.kind, one.count) for one in found] == [("n_plus_one", 4)] * 2
    assert many == 8
    marks = marked(shapes.interleaved)
    for one, column in zip(found, ("id", "v"), strict=True):
        assert place(one.loop) == marks["L"]
        assert place(one.query) == marked(driver.ask)["Q"]
        assert one.fix == driver.one.replace("WHERE id", f"WHERE {column}")
    assert sent(driver, servers, by_lists_of_both) == ([], 2)


async def asked_once(db):
    await db.ask("SELECT v FROM t WHERE id = {}", 1)


@every_driver
def test_the_same_again_is_as_many_statements_and_one_when_asked_once(driver, servers):
    (finding,), many = sent(driver, servers, shapes.polled)
    assert (finding.kind, finding.count, many) == ("repeated_query", 6, 6)
    assert sent(driver, servers, asked_once) == ([], 1)
