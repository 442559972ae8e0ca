"""Caches asked key by key: Django's, redis-py and valkey-py, pymemcache; against real servers."""

import asyncio
import importlib

import pymemcache
import pytest
from django.core.cache import caches
from django.db import connection
from django.test import override_settings

import inprofile
from inprofile.testing import record
from tests.integrations import django_settings  # noqa: F401 - the settings of this process
from tests.nplusone.judging import findings, marked, place, same_code

IDS = (1, 2, 3, 4)


@pytest.fixture(autouse=True)
def instrumented():
    inprofile.instrument()


@pytest.fixture(params=["redis", "valkey"])
def library(request):
    """Each of the two, which have the same names but for the client's."""
    return importlib.import_module(request.param)


@pytest.fixture
def client(library, valkey_address):
    with library.from_url(valkey_address) as client:
        client.flushall()
        yield client


def sent(client):
    """How many commands the server has been sent, but for the asking."""
    return client.info("stats")["total_commands_processed"]


def gets(client):
    for i in IDS:  # L
        client.get(f"user:{i}")  # Q


def sets(client):
    for i in IDS:  # L
        client.set(f"user:{i}:name", "x")  # Q


def deletes(client):
    for i in IDS:  # L
        client.delete(f"user:{i}")  # Q


def gets_fields(client):
    for i in IDS:  # L
        client.hget("users", f"field {i}")  # Q


def gets_hashes(client):
    return [client.hgetall(f"user:{i}") for i in IDS]  # LQ


def asks_whether_it_is_there(client):
    for i in IDS:  # L
        if client.exists(f"user:{i}"):  # Q
            break


def gets_one_at_a_time_of_many(client):
    for i in IDS:  # L
        client.mget([f"user:{i}"])  # Q


def adds_members(client):
    for i in IDS:  # L
        client.sadd("members", i)  # Q


def runs_a_script(client):
    for i in IDS:  # L
        client.eval("return 1", 1, f"user:{i}")  # Q


def pipes_one(client):
    for i in IDS:  # L
        with client.pipeline() as pipe:
            pipe.get(f"user:{i}").execute()  # Q


def runs_commands_by_name(client):
    for i in IDS:  # L
        client.execute_command(b"GET", b"user:%d" % i)  # Q


def counts(client):
    for i in IDS:  # L
        client.incr(f"visits:{i}")  # Q


REDIS = {
    gets: ("GET user:{id}", "client.mget(keys)"),
    sets: ("SET user:{id}:name", "client.mset(values)"),
    deletes: ("DEL user:{id}", "client.delete(*keys)"),
    gets_fields: ("HGET users", "client.pipeline()"),
    gets_hashes: ("HGETALL user:{id}", "client.pipeline()"),
    asks_whether_it_is_there: ("EXISTS user:{id}", "client.exists(*keys)"),
    gets_one_at_a_time_of_many: ("MGET user:{id}", "client.mget(keys)"),
    adds_members: ("SADD members", "client.pipeline()"),
    runs_a_script: ("EVAL user:{id}", "client.pipeline()"),
    runs_commands_by_name: ("GET user:{id}", "client.pipeline()"),
    pipes_one: ("MULTI GET user:{id}", "client.pipeline()"),
    counts: ("INCRBY visits:{id}", "client.pipeline()"),
}


@pytest.mark.parametrize("run", REDIS)
def test_commands_key_by_key_are_found(run, client):
    before = sent(client)
    run(client)
    without = sent(client) - before
    before = sent(client)
    (finding,) = findings(run, client)
    assert sent(client) - before == without
    marks = marked(run)
    assert (finding.kind, finding.count, finding.elements) == ("cache_n_plus_one", 4, 4)
    assert place(finding.loop) == marks["L"]
    assert place(finding.query) == marks["Q"]
    statement, fix = REDIS[run]
    assert finding.statement == statement
    assert same_code(finding.fix, fix)
    assert "pipeline()" in finding.fix


def test_commands_of_the_asynchronous_client_are_found(library, client, valkey_address):
    asynchronous = importlib.import_module(f"{library.__name__}.asyncio")

    async def run():
        async with asynchronous.from_url(valkey_address) as store:
            for i in IDS:  # L
                await store.get(f"user:{i}")  # Q

    (finding,) = findings(lambda: asyncio.run(run()))
    marks = marked(run)
    assert (finding.kind, finding.count) == ("cache_n_plus_one", 4)
    assert (place(finding.loop), place(finding.query)) == (marks["L"], marks["Q"])
    assert same_code(finding.fix, "store.mget(keys)")


def test_gathered_commands_are_found_all_the_same(library, client, valkey_address):
    asynchronous = importlib.import_module(f"{library.__name__}.asyncio")

    async def run():
        async with asynchronous.from_url(valkey_address) as store:
            await asyncio.gather(*(store.get(f"user:{i}") for i in IDS))

    (finding,) = findings(lambda: asyncio.run(run()))
    assert (finding.kind, finding.count) == ("cache_n_plus_one", 4)


def many(client):
    client.mget([f"user:{i}" for i in IDS])
    for start in range(3):
        client.mget([f"user:{start}", f"user:{start + 10}"])
        client.mset({f"user:{start}": 1, f"user:{start + 10}": 1})
        client.delete(f"user:{start}", f"user:{start + 10}")
        client.sadd("members", start, start + 1)
        client.hset("users", mapping={start: 1, start + 1: 2})


def piped(client):
    with client.pipeline() as pipe:
        for i in IDS:
            pipe.get(f"user:{i}")
        pipe.execute()
    for i in IDS:
        with client.pipeline(transaction=False) as pipe:
            pipe.get(f"user:{i}").get(f"user:{i + 1}").execute()


def pages(client):
    client.mset({f"user:{i}": 1 for i in range(100)})
    client.sadd("members", *range(2000))
    list(client.scan_iter("user:*", count=10))
    list(client.sscan_iter("members", count=10))


def polls(client):
    for _ in range(10):
        client.get("job:17")


def takes_from_queues(client):
    client.rpush("queue:1", *range(10))
    for _ in range(5):
        client.lpop("queue:1")
    for i in IDS:
        client.rpush(f"jobs:{i}", 1) if i == 1 else None
        client.blpop([f"jobs:{i}", "queue:1"], timeout=1)
        client.brpop(["queue:1"], timeout=1)


def publishes(client):
    for i in IDS:
        client.publish(f"channel:{i}", "x")
    with client.pubsub() as listener:
        for i in IDS:
            listener.subscribe(f"channel:{i}")
        for _ in IDS:
            listener.get_message(timeout=1)


def connects(client):
    for _ in range(5):
        client.ping()
        client.info()
        client.time()


def asks_for_two(client):
    for i in (1, 2):
        client.get(f"user:{i}")


def asks_for_words(client):
    for key in ("settings", "flags", "motd"):
        client.get(key)


def polls_two(client):
    for _ in range(5):
        for i in (1, 2):
            client.get(f"job:{i}")


def locks(client):
    for _ in range(3):
        with client.lock("lock:1", timeout=1):
            pass


@pytest.mark.parametrize(
    "run",
    [
        many,
        piped,
        pages,
        polls,
        takes_from_queues,
        publishes,
        connects,
        asks_for_two,
        asks_for_words,
        polls_two,
        locks,
    ],
)
def test_what_serves_many_waits_or_polls_is_silent(run, client):
    assert findings(run, client) == []


def test_interleaved_commands_are_found_both(client):
    def run():
        for i in IDS:
            client.get(f"user:{i}")
            client.get(f"user:{i}:name")
            client.hgetall(f"user:{i}:orders")

    assert sorted(each.statement for each in findings(run)) == [
        "GET user:{id}",
        "GET user:{id}:name",
        "HGETALL user:{id}:orders",
    ]


class Key(str):
    """A key of the user's, which must not be looked at."""

    __slots__ = ()

    def __eq__(self, other):
        raise AssertionError

    def __hash__(self):
        raise AssertionError

    def __repr__(self):
        raise AssertionError


def test_a_key_of_the_users_own_type_is_read_without_its_code(client):
    def run():
        for i in IDS:  # L
            client.execute_command("GET", Key(f"user:{i}"))  # Q

    (finding,) = findings(run)
    assert (finding.kind, finding.count) == ("cache_n_plus_one", len(IDS))
    assert finding.statement == "GET user:{id}"


def test_keys_and_values_are_not_kept(client):
    with record() as recording:
        for i in range(4):
            client.set(f"{i}a5ec2e7{i}f00dcafe{i}", "secret")
            client.get(f"ann{i}@example.com")
    assert sorted(each.statement for each in recording.findings) == ["GET {id}", "SET {id}"]
    assert "secret" not in repr(recording.findings)
    assert recording.block is not None
    operations = repr([*(recording.block.operations or {})])
    assert "a5ec2e7" not in operations
    assert "example" not in operations


def settings(**more):
    return {"default": {"BACKEND": f"django.core.cache.backends.{more.pop('backend')}", **more}}


@pytest.fixture(params=["redis", "db", "file"])
def cache(request, tmp_path):
    """Django's cache, in each of the backends that ask somebody."""
    if request.param == "redis":
        address = request.getfixturevalue("valkey_address")
        chosen = settings(backend="redis.RedisCache", LOCATION=address)
    elif request.param == "db":
        chosen = settings(backend="db.DatabaseCache", LOCATION="cached")
    else:
        chosen = settings(backend="filebased.FileBasedCache", LOCATION=str(tmp_path))
    with override_settings(CACHES=chosen):
        if request.param == "db":
            from django.core.management import call_command

            call_command("createcachetable")
        caches["default"].clear()
        yield caches["default"]
        caches["default"].close()
        if request.param == "db":
            with connection.cursor() as cursor:
                cursor.execute("DROP TABLE cached")
            connection.close()


def cache_get(cache):
    for i in IDS:  # L
        cache.get(f"user:{i}")  # Q


def cache_set(cache):
    for i in IDS:  # L
        cache.set(f"user:{i}", i)  # Q


def cache_add(cache):
    for i in IDS:  # L
        cache.add(f"user:{i}", i)  # Q


def cache_delete(cache):
    for i in IDS:  # L
        cache.delete(f"user:{i}")  # Q


def cache_has(cache):
    return [f"user:{i}" in cache for i in IDS]  # LQ


def cache_touch(cache):
    for i in IDS:  # L
        cache.touch(f"user:{i}")  # Q


def cache_get_or_set(cache):
    for i in IDS:  # L
        cache.get_or_set(f"user:{i}", i)  # Q


def cache_gets_many_of_one(cache):
    for i in IDS:  # L
        cache.get_many([f"user:{i}"])  # Q


def cache_sets_many_of_one(cache):
    for i in IDS:  # L
        cache.set_many({f"user:{i}": i})  # Q


def cache_aget(cache):
    async def run():
        for i in IDS:  # L
            await cache.aget(f"user:{i}")  # Q

    asyncio.run(run())


DJANGO = {
    cache_get: ("get user:{id}", "cache.get_many(keys)"),
    cache_set: ("set user:{id}", "cache.set_many(values)"),
    cache_add: ("add user:{id}", "cache.set_many(values)"),
    cache_delete: ("delete user:{id}", "cache.delete_many(keys)"),
    cache_has: ("has_key user:{id}", "cache.get_many(keys)"),
    cache_touch: ("touch user:{id}", "cache.set_many(values, timeout)"),
    cache_get_or_set: ("get user:{id}", "cache.get_many(keys)"),
    cache_gets_many_of_one: ("get_many user:{id}", "cache.get_many(keys)"),
    cache_sets_many_of_one: ("set_many user:{id}", "cache.set_many(values)"),
    cache_aget: ("get user:{id}", "cache.aget_many(keys)"),
}


@pytest.mark.parametrize("run", DJANGO)
def test_djangos_caches_key_by_key_are_found(run, cache):
    (finding,) = findings(run, cache)
    marks = marked(run)
    assert (finding.kind, finding.count, finding.elements) == ("cache_n_plus_one", 4, 4)
    assert place(finding.loop) == marks["L"]
    assert place(finding.query) == marks["Q"]
    statement, fix = DJANGO[run]
    assert finding.statement == statement
    assert same_code(finding.fix, fix)


def test_the_fix_for_a_get_or_set_is_both(cache):
    (finding,) = findings(cache_get_or_set, cache)
    assert same_code(finding.fix, "cache.get_many(keys), then cache.set_many(values)")
    (finding,) = findings(cache_get_or_set, cache)  # now they are all there
    assert (finding.count, finding.statement) == (4, "get user:{id}")


def test_djangos_forms_for_many_keys_are_silent(cache):
    async def later():
        await cache.aset_many({f"user:{i}": i for i in IDS})
        await cache.aget_many([f"user:{i}" for i in IDS])
        await cache.adelete_many([f"user:{i}" for i in IDS])

    def run():
        for start in (0, 10, 20, 30):
            keys = [f"user:{start + i}" for i in IDS]
            cache.set_many(dict.fromkeys(keys, 1))
            cache.get_many(keys)
            cache.delete_many(keys)
        asyncio.run(later())

    assert findings(run) == []


@pytest.mark.parametrize("backend", ["locmem.LocMemCache", "dummy.DummyCache"])
def test_caches_in_the_own_memory_are_silent(backend):
    with override_settings(CACHES=settings(backend=backend)):
        cache = caches["default"]

        def run():
            for i in IDS:
                cache.get(f"user:{i}")
                cache.set(f"user:{i}", i)
                cache.get_or_set(f"user:{i}", i)
                cache.delete(f"user:{i}")

        assert findings(run) == []


def memcached_get(client):
    for i in IDS:  # L
        client.get(f"user_{i}")  # Q


def memcached_set(client):
    for i in IDS:  # L
        client.set(f"user_{i}", b"x")  # Q


def memcached_delete(client):
    for i in IDS:  # L
        client.delete(f"user_{i}")  # Q


def memcached_incr(client):
    for i in IDS:  # L
        client.incr(f"user_{i}", 1)  # Q


MEMCACHED = {
    memcached_get: ("get user_{id}", "client.get_many(keys)"),
    memcached_set: ("set user_{id}", "client.set_many(values)"),
    memcached_delete: ("delete user_{id}", "client.delete_many(keys)"),
    memcached_incr: ("incr user_{id}", "client.get_many(keys)"),
}


@pytest.fixture(params=["Client", "PooledClient", "HashClient"])
def memcached(request, memcached_address):
    made = {
        "Client": lambda: pymemcache.Client(memcached_address),
        "PooledClient": lambda: pymemcache.PooledClient(memcached_address),
        "HashClient": lambda: pymemcache.HashClient([memcached_address]),
    }[request.param]()
    made.flush_all()
    yield made
    made.close()


@pytest.mark.parametrize("run", MEMCACHED)
def test_memcached_key_by_key_is_found(run, memcached):
    (finding,) = findings(run, memcached)
    marks = marked(run)
    assert (finding.kind, finding.count, finding.elements) == ("cache_n_plus_one", 4, 4)
    assert (place(finding.loop), place(finding.query)) == (marks["L"], marks["Q"])
    statement, fix = MEMCACHED[run]
    assert finding.statement == statement
    assert same_code(finding.fix, fix)


def test_memcacheds_forms_for_many_keys_are_silent(memcached):
    def run():
        for start in (0, 10, 20, 30):
            keys = [f"user_{start + i}" for i in IDS]
            memcached.set_many(dict.fromkeys(keys, b"1"))
            memcached.get_many(keys)
            memcached.delete_many(keys)
        for _ in range(5):
            memcached.get("job")

    assert findings(run) == []
