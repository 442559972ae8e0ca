"""The metrics of connection pools, as a scrape of any worker of the group tells them."""

import asyncio
import contextlib
import signal
import subprocess
from functools import partial
from typing import Any

import asyncpg
import psycopg_pool
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool, QueuePool

import inprofile
from inprofile.process import running
from tests.child import command, environment
from tests.exporters.exposed import whole

PREFIX = "db_client_connection_"
POOL = f"{PREFIX}pool_name"
SIZE: dict[str, Any] = {"min_size": 1, "max_size": 2, "open": False}


def scraped(pool=None):
    """What a scrape says of the pools (of one, by metric and state), without the buckets."""
    runtime = running()
    assert runtime is not None
    body, _ = whole(runtime.outlets.exposition(""))
    found = {}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            told = sample.name.startswith(PREFIX) and not sample.name.endswith(("_bucket", "_sum"))
            if told and pool in {None, sample.labels[POOL]}:
                state = sample.labels.get(f"{PREFIX}state", "")
                name = f"{sample.name.removeprefix(PREFIX)} {state}".strip()
                found[name if pool else (sample.labels[POOL], name)] = int(sample.value)
    return found


def told(*, idle, used, largest, waited, timeouts=None, returned=None):
    """What ``scraped`` gives for a pool."""
    found = {
        "count idle": idle,
        "count used": used,
        "max": largest,
        "pending_requests": 0,
        "wait_time_seconds_count": waited,
        "timeouts_total": timeouts,
        "use_time_seconds_count": returned,
    }
    return {name: value for name, value in found.items() if value is not None}


def test_a_pool_of_psycopgs_says_what_it_holds(postgres_dsn):
    inprofile.instrument()
    with psycopg_pool.ConnectionPool(postgres_dsn, name="orders", **SIZE) as pool:
        pool.wait()
        with pool.connection() as first:
            assert scraped("orders") == told(idle=0, used=1, largest=2, waited=1)
            with pool.connection():
                with pytest.raises(psycopg_pool.PoolTimeout):
                    pool.getconn(timeout=0.01)
                assert scraped("orders") == told(idle=0, used=2, largest=2, waited=2, timeouts=1)
            assert first.execute("SELECT 1").fetchone() == (1,)
        assert scraped("orders") == told(
            idle=2, used=0, largest=2, waited=2, timeouts=1, returned=2
        )
    assert scraped("orders") == told(idle=0, used=0, largest=0, waited=2, timeouts=1, returned=2)
    assert inprofile.status()["errors"] == 0


def test_an_asynchronous_pool_of_psycopgs_says_what_it_holds(postgres_dsn):
    async def use():
        async with psycopg_pool.AsyncConnectionPool(postgres_dsn, name="orders", **SIZE) as pool:
            await pool.wait()
            async with pool.connection(), pool.connection():
                with pytest.raises(psycopg_pool.PoolTimeout):
                    await pool.getconn(timeout=0.01)
                assert scraped("orders") == told(idle=0, used=2, largest=2, waited=2, timeouts=1)
            return scraped("orders")

    inprofile.instrument()
    assert asyncio.run(use()) == told(idle=2, used=0, largest=2, waited=2, timeouts=1, returned=2)
    assert inprofile.status()["errors"] == 0


@pytest.mark.parametrize("smallest", [0, 1])
def test_asyncpgs_pool_says_what_it_holds(smallest, postgres_dsn):
    async def use():
        pool = await asyncpg.create_pool(postgres_dsn, min_size=smallest, max_size=2)
        try:
            return await used(pool)
        finally:
            pool.terminate()  # closing waits for what a failed assertion holds

    async def used(pool):
        first = await pool.acquire()
        async with pool.acquire() as second:
            with pytest.raises(TimeoutError):
                await pool.acquire(timeout=0.01)
            ((name, _), *_) = scraped()
            assert name.endswith("/postgres")
            assert scraped(name) == told(idle=0, used=2, largest=2, waited=2, timeouts=1)
            await second.close()  # goes back without being released
            assert scraped(name) == told(
                idle=0, used=1, largest=2, waited=2, timeouts=1, returned=1
            )
        await pool.release(first)
        assert scraped(name) == told(idle=1, used=0, largest=2, waited=2, timeouts=1, returned=2)
        return name

    inprofile.instrument()
    name = asyncio.run(use())
    assert scraped(name) == told(idle=0, used=0, largest=0, waited=2, timeouts=1, returned=2)
    assert inprofile.status()["errors"] == 0


LIMITS: dict[str, Any] = {"pool_size": 1, "max_overflow": 1, "pool_timeout": 0.01}


def address(dsn, driver):
    return dsn.replace("postgresql:", f"postgresql+{driver}:")


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_sqlalchemys_pool_says_what_it_holds(driver, postgres_dsn):
    inprofile.instrument()
    engine = create_engine(address(postgres_dsn, driver), **LIMITS)
    name = f"postgresql+{driver}"
    with engine.connect(), engine.connect():
        with pytest.raises(Exception, match="QueuePool limit of size 1 overflow 1 reached"):
            engine.connect()
        assert scraped(name) == told(idle=0, used=2, largest=2, waited=2, timeouts=1)
    assert scraped(name) == told(idle=1, used=0, largest=2, waited=2, timeouts=1, returned=2)
    with engine.connect() as connection:
        connection.detach()
    assert scraped(name)["count used"] == 0
    engine.dispose()
    assert inprofile.status()["errors"] == 0


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_an_asynchronous_engines_pool_says_what_it_holds(driver, postgres_dsn):
    async def use():
        engine = create_async_engine(
            address(postgres_dsn, driver), pool_logging_name="primary", **LIMITS
        )
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1
            assert scraped("primary") == told(idle=0, used=1, largest=2, waited=1)
        assert scraped("primary") == told(idle=1, used=0, largest=2, waited=1, returned=1)
        await engine.dispose()

    inprofile.instrument()
    asyncio.run(use())
    assert inprofile.status()["errors"] == 0


def test_pools_that_lend_nothing_are_not_counted():
    inprofile.instrument()
    engine = create_engine("sqlite://", poolclass=NullPool)
    with engine.connect():
        pass
    memory = create_engine("sqlite://")
    with memory.connect():
        pass
    assert scraped() == {}
    memory.dispose()
    engine.dispose()
    assert inprofile.status()["errors"] == 0


def test_a_pool_of_no_engines_and_without_a_limit_is_counted_too():
    import sqlite3

    inprofile.instrument()
    creator: Any = partial(sqlite3.connect, ":memory:")
    pool = QueuePool(creator, pool_size=0)
    connection = pool.connect()
    assert scraped("QueuePool") == {
        "count idle": 0,
        "count used": 1,
        "pending_requests": 0,
        "wait_time_seconds_count": 1,
    }
    connection.close()
    pool.dispose()


def test_who_waits_is_pending(postgres_dsn):
    async def use():
        async with asyncpg.create_pool(postgres_dsn, min_size=1, max_size=1) as pool:
            held = await pool.acquire()
            waits = asyncio.ensure_future(pool.acquire())
            await asyncio.sleep(0)
            ((name, _), *_) = scraped()
            pending = [scraped(name)["pending_requests"]]
            await pool.release(held)
            await pool.release(await waits)
            return [*pending, scraped(name)["pending_requests"]]

    inprofile.instrument()
    assert asyncio.run(use()) == [1, 0]


def test_a_connection_given_back_after_the_measurement_is_nothing_to_anybody(postgres_dsn):
    inprofile.instrument()
    with psycopg_pool.ConnectionPool(postgres_dsn, name="orders", **SIZE) as pool:
        held = pool.getconn()
        inprofile.uninstrument()
        pool.putconn(held)
        inprofile.instrument()
        with pool.connection():
            assert scraped("orders")["count used"] == 1
    assert inprofile.status()["errors"] == 0


WORKER = """
import sys
import inprofile
inprofile.instrument()
import psycopg_pool
pool = psycopg_pool.ConnectionPool(sys.argv[1], name="orders", min_size=1, max_size=2, open=True)
pool.wait()
held = pool.getconn()
inprofile.status()
with inprofile.job("work"):
    pass
from inprofile.process import running
running().read()
print("holds", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def worker(dsn, **places):
    """Another worker of the group that holds a connection."""
    with subprocess.Popen(
        command(WORKER, dsn),
        env=environment(**places),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holds\n"
        try:
            yield process
        finally:
            process.kill()


def test_any_worker_answers_for_all_and_the_dead_leave_no_ghosts(
    postgres_dsn, tmp_path, monkeypatch
):
    places = {"INPROFILE_DIR": tmp_path / "g", "INPROFILE_GROUP": "shop"}
    for name, value in places.items():
        monkeypatch.setenv(name, str(value))
    inprofile.instrument()
    with psycopg_pool.ConnectionPool(postgres_dsn, name="orders", **SIZE) as pool:
        pool.wait()
        with pool.connection(), worker(postgres_dsn, **places) as other:
            assert scraped("orders") == told(idle=0, used=2, largest=4, waited=2)
            other.send_signal(signal.SIGKILL)
            other.wait()
            assert scraped("orders") == told(idle=0, used=1, largest=2, waited=2)


FORKED = """
import json, os, sys
import inprofile
inprofile.instrument()
import psycopg_pool
from inprofile.core.pools import pools
from inprofile.process import running
pool = psycopg_pool.ConnectionPool(sys.argv[1], name="orders", min_size=1, max_size=1, open=True)
pool.wait()
held = pool.getconn()
running().read()
told, tell = os.pipe()
if not os.fork():
    running().read()
    os.write(tell, json.dumps([len(pools._known), len(pools._held)]).encode())
    os._exit(0)
os.wait()
print(os.read(told, 100).decode())
pool.putconn(held)
pool.close()
"""


def test_a_forked_worker_does_not_count_its_parents_connections(postgres_dsn, tmp_path):
    from tests import child

    assert child.run(FORKED, postgres_dsn, INPROFILE_DIR=tmp_path / "g") == [0, 0]
