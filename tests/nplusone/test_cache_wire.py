"""What reaches the servers of caches, as these count it: with us as without; less when advised."""

import asyncio
import importlib

import pymemcache
import pytest
from django.core.cache import caches
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from tests.nplusone import test_cache as shapes
from tests.nplusone.judging import findings, marked, place, same_code
from tests.nplusone.test_cache import IDS, client, instrumented, library, memcached

__all__ = ["client", "instrumented", "library", "memcached"]


def counted(count, run, *args):
    """What is found in a call, and how much reaches the server, which is as much without us."""
    before = count()
    run(*args)
    without = count() - before
    before = count()
    found = findings(run, *args)
    assert count() - before == without
    return found, without


def keys(start=0):
    return [f"user:{start + i}" for i in IDS]


REDIS = {
    shapes.gets: lambda client: client.mget(keys()),
    shapes.sets: lambda client: client.mset(dict.fromkeys(keys(), "x")),
    shapes.deletes: lambda client: client.delete(*keys()),
    shapes.asks_whether_it_is_there: lambda client: client.exists(*keys()),
    shapes.gets_one_at_a_time_of_many: lambda client: client.mget(keys()),
}


@pytest.mark.parametrize("run", REDIS)
def test_one_command_for_all_is_one(run, client):
    def count():
        return client.info("stats")["total_commands_processed"]

    own = counted(count, lambda: None)[1]  # the asking
    found, many = counted(count, run, client)
    assert [(one.kind, one.count) for one in found] == [("cache_n_plus_one", 4)]
    assert many - own == 4
    found, few = counted(count, REDIS[run], client)
    assert (found, few - own) == ([], 1)


def piped(client):
    with client.pipeline(transaction=False) as pipe:
        for i in IDS:
            pipe.hget("users", f"field {i}")
        pipe.execute()


def test_a_pipeline_is_silent_though_it_has_as_many_commands(client):
    (finding,) = findings(shapes.gets_fields, client)
    assert same_code(finding.fix, "client.pipeline()")
    assert findings(piped, client) == []


def test_the_asynchronous_clients_advice(library, client, valkey_address):
    asynchronous = importlib.import_module(f"{library.__name__}.asyncio")

    def count():
        return client.info("stats")["total_commands_processed"]

    async def run(is_gathered):
        async with asynchronous.from_url(valkey_address) as store:
            await store.ping()
            if is_gathered:
                await asyncio.gather(*(store.get(f"user:{i}") for i in IDS))  # L2
            else:
                for i in IDS:  # L
                    await store.get(f"user:{i}")  # Q

    async def fixed():
        async with asynchronous.from_url(valkey_address) as store:
            await store.mget(keys())

    for is_gathered in (False, True):
        (finding,), many = counted(count, lambda one=is_gathered: asyncio.run(run(one)))
        assert (finding.kind, finding.count) == ("cache_n_plus_one", 4)
        assert many >= 4
        assert same_code(finding.fix, "store.mget(keys)")
        assert place(finding.loop) == marked(run)["L2" if is_gathered else "L"]
    assert findings(lambda: asyncio.run(fixed())) == []


@pytest.fixture(params=["redis", "db"])
def cache(request):
    """Django's cache in a backend whose server counts, and what counts there."""
    if request.param == "redis":
        address = request.getfixturevalue("valkey_address")
        chosen = shapes.settings(backend="redis.RedisCache", LOCATION=address)
    else:
        chosen = shapes.settings(backend="db.DatabaseCache", LOCATION="counted")
    with override_settings(CACHES=chosen):
        cache = caches["default"]
        if request.param == "redis":
            server = cache._cache.get_client()
            yield cache, lambda: server.info("stats")["total_commands_processed"]
        else:
            from django.core.management import call_command

            call_command("createcachetable")
            with CaptureQueriesContext(connection) as captured:
                yield cache, lambda: len(captured)
            with connection.cursor() as cursor:
                cursor.execute("DROP TABLE counted")
            connection.close()
        cache.close()


DJANGO = {
    shapes.cache_get: lambda cache: cache.get_many(keys()),
    shapes.cache_has: lambda cache: cache.get_many(keys()),
    shapes.cache_gets_many_of_one: lambda cache: cache.get_many(keys()),
}


@pytest.mark.parametrize("run", DJANGO)
def test_djangos_advice_takes_less(run, cache):
    cache, count = cache
    cache.set_many(dict.fromkeys(keys(), 1))
    own = counted(count, lambda: None)[1]
    (finding,), many = counted(count, run, cache)
    assert (finding.kind, finding.count) == ("cache_n_plus_one", 4)
    assert many - own >= 4
    assert same_code(finding.fix, "cache.get_many(keys)")
    found, few = counted(count, DJANGO[run], cache)
    assert found == []
    assert few < many


MEMCACHED = {
    shapes.memcached_get: lambda memcached: memcached.get_many([f"user_{i}" for i in IDS]),
    shapes.memcached_set: lambda memcached: memcached.set_many({f"user_{i}": b"x" for i in IDS}),
    shapes.memcached_delete: lambda memcached: memcached.delete_many([f"user_{i}" for i in IDS]),
}

TALLIES = (b"cmd_get", b"cmd_set", b"delete_hits", b"delete_misses", b"incr_hits", b"incr_misses")


@pytest.mark.parametrize("run", MEMCACHED)
def test_memcacheds_server_counts_as_many_with_us_as_without(run, memcached, memcached_address):
    server = pymemcache.Client(memcached_address)

    def count():
        memcached.get("last")  # answered when all before it is done: sets are not waited for
        stats = server.stats()
        return sum(stats[each] for each in TALLIES)

    (finding,), many = counted(count, run, memcached)
    assert (finding.kind, finding.count, many) == ("cache_n_plus_one", 4, 4 + 1)
    assert counted(count, MEMCACHED[run], memcached)[0] == []
    server.close()
