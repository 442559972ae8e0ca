"""psycopg_pool on a real server: the wait for a connection is told apart, the rest is as it was."""

import asyncio
from typing import Any

import psycopg
import psycopg_pool
import pytest

import inprofile
from inprofile.testing import record
from tests.integrations.spans import spans
from tests.integrations.threads import in_threads

POOLS = [psycopg_pool.ConnectionPool, psycopg_pool.NullConnectionPool]
ASYNC_POOLS = [psycopg_pool.AsyncConnectionPool, psycopg_pool.AsyncNullConnectionPool]
SIZE = {"min_size": 0, "max_size": 1, "open": False}
HOLD = "SELECT pg_sleep(0.05)"


def lent(kind, dsn):
    """What a pool lends and says of itself."""
    with kind(dsn, **SIZE) as pool:
        with pool.connection() as db:
            found: list[Any] = [type(db), db.execute("SELECT 1").fetchall()]
            with pytest.raises(psycopg_pool.PoolTimeout) as error:
                pool.getconn(timeout=0.01)
            found.append(str(error.value))
        held = pool.getconn(timeout=5)
        pool.putconn(held)
        stats = pool.get_stats()
    with pytest.raises(psycopg_pool.PoolClosed) as closed:
        pool.getconn()
    return [*found, stats["requests_num"], stats["requests_errors"], type(closed.value)]


async def lent_async(kind, dsn):
    """The same, awaited."""
    async with kind(dsn, **SIZE) as pool:
        async with pool.connection() as db:
            found: list[Any] = [type(db), await (await db.execute("SELECT 1")).fetchall()]
            with pytest.raises(psycopg_pool.PoolTimeout) as error:
                await pool.getconn(timeout=0.01)
            found.append(str(error.value))
        held = await pool.getconn(timeout=5)
        await pool.putconn(held)
        stats = pool.get_stats()
    with pytest.raises(psycopg_pool.PoolClosed) as closed:
        await pool.getconn()
    return [*found, stats["requests_num"], stats["requests_errors"], type(closed.value)]


USES: dict[str, Any] = {
    **{kind.__name__: lambda dsn, kind=kind: lent(kind, dsn) for kind in POOLS},
    **{
        kind.__name__: lambda dsn, kind=kind: asyncio.run(lent_async(kind, dsn))
        for kind in ASYNC_POOLS
    },
}


@pytest.mark.parametrize("name", USES)
def test_a_pool_works_as_documented(name, postgres_dsn):
    inprofile.uninstrument()
    without = USES[name](postgres_dsn)
    with record() as recorded, inprofile.job("work"):
        within = USES[name](postgres_dsn)
        assert inprofile.status()["errors"] == 0
    assert within == without
    waits = [span.error for span in recorded.trace.spans if span.kind == "db_pool_wait"]
    assert waits == [None, "PoolTimeout", None, "PoolClosed"]


def hold(pool):
    with inprofile.span("holds"), pool.connection() as db:
        db.execute(HOLD)


def held_in_two_threads(dsn):
    with psycopg_pool.ConnectionPool(dsn, min_size=1, max_size=1, open=False) as pool:
        pool.wait()
        with inprofile.job("work"):
            in_threads(hold, *[(pool,)] * 2)


async def hold_async(pool):
    with inprofile.span("holds"):
        async with pool.connection() as db:
            await db.execute(HOLD)


async def held_in_two_tasks(dsn):
    async with psycopg_pool.AsyncConnectionPool(dsn, min_size=1, max_size=1, open=False) as pool:
        await pool.wait()
        with inprofile.job("work"):
            await asyncio.gather(hold_async(pool), hold_async(pool))


WAYS: dict[str, Any] = {
    "threads": held_in_two_threads,
    "tasks": lambda dsn: asyncio.run(held_in_two_tasks(dsn)),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_pool_shows_how_long_its_connection_was_waited_for(way, recorded, postgres_dsn):
    WAYS[way](postgres_dsn)
    trace = recorded.trace
    assert sorted(spans(trace, "db_pool_wait", "db")) == [
        ("db", "COMMIT", "holds", 1),
        ("db", "COMMIT", "holds", 1),
        ("db", "SELECT pg_sleep(?)", "holds", 1),
        ("db", "SELECT pg_sleep(?)", "holds", 1),
        ("db_pool_wait", "getconn", "holds", 1),
        ("db_pool_wait", "getconn", "holds", 1),
    ]
    waits = sorted(s.duration_ns for s in trace.spans if s.kind == "db_pool_wait")
    assert waits[0] < waits[1] > 45_000_000
    assert sum(trace.stages.values()) == trace.wall_ns


def alive(db):
    db.execute("SELECT 'alive'")
    db.rollback()


def test_a_check_of_a_connection_is_a_statement_inside_of_the_wait(recorded, postgres_dsn):
    pool = psycopg_pool.ConnectionPool(
        postgres_dsn,
        min_size=1,
        max_size=1,
        open=False,
        check=alive,
    )
    with pool:
        pool.wait()
        with inprofile.job("work"):
            pool.putconn(pool.getconn())
    assert spans(recorded.trace) == [
        ("db_pool_wait", "getconn", "work", 1),
        ("db", "SELECT ?", "getconn", 1),
        ("db", "ROLLBACK", "getconn", 1),
    ]


def test_the_pools_own_threads_are_in_nobodys_trace(recorded, postgres_dsn):
    with inprofile.job("work"), psycopg_pool.ConnectionPool(postgres_dsn, min_size=2) as pool:
        pool.wait()
        assert isinstance(pool.getconn(), psycopg.Connection)
    assert spans(recorded.trace) == [("db_pool_wait", "getconn", "work", 1)]
