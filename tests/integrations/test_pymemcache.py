"""pymemcache against a real memcached: every command timed, and named by the command alone."""

import pickle
import threading
import time
from contextlib import closing, suppress

import pytest
from pymemcache import serde
from pymemcache.client.base import Client, PooledClient
from pymemcache.client.hash import HashClient
from pymemcache.client.retrying import RetryingClient
from pymemcache.exceptions import MemcacheError

import inprofile
from inprofile.core.guard import guard
from inprofile.testing import record
from tests.integrations.spans import names, spans
from tests.integrations.threads import in_threads


@pytest.fixture
def server(memcached_address):
    """The address of an empty memcached."""
    with closing(Client(memcached_address, default_noreply=False)) as client:
        client.flush_all()
    return memcached_address


def alone(server, **options):
    return Client(server, **options)


def pooled(server, **options):
    return PooledClient(server, max_pool_size=4, **options)


def hashed(server, **options):
    return HashClient([server], **options)


def hashed_and_pooled(server, **options):
    return HashClient([server], use_pooling=True, **options)


def retrying(server, **options):
    return RetryingClient(Client(server, **options), attempts=2)


every = pytest.mark.parametrize("made", [alone, pooled, hashed, hashed_and_pooled, retrying])


def below(parent, *operations):
    return [("cache", name, parent, 1) for name in operations]


@every
def test_a_command_is_a_span_named_by_the_command_alone(made, server, recorded):
    with closing(made(server, default_noreply=False)) as client, inprofile.job("work"):
        results = [
            client.set("secret", "secret"),
            client.get("secret"),
            client.gets("secret")[0],
            client.add("secret", "x"),
            client.append("secret", "s"),
            client.set("number", 1),
            client.incr("number", 2),
            client.touch("secret", 100),
            client.delete("secret"),
        ]
    assert results == [True, b"secret", b"secret", False, True, True, 3, True, True]
    trace = recorded.trace
    assert spans(trace) == [
        ("cache", "set", "work", 1),
        ("cache", "connect", "set", 1),
        *below("work", "get", "gets", "add", "append", "set", "incr", "touch", "delete"),
    ]
    shown = [(span.name, span.attributes) for span in trace.spans if span.parent]
    assert all(
        attributes == {"db.system.name": "memcached", "db.operation.name": name}
        for name, attributes in shown
    )
    assert sum(trace.stages.values()) == trace.wall_ns
    assert trace.stages["cache"] == sum(s.self_ns for s in trace.spans if s.kind == "cache")


@every
def test_many_keys_are_one_operation_with_their_number(made, server, recorded):
    with closing(made(server, default_noreply=False)) as client, inprofile.job("work"):
        assert client.set_many({"a": 1, "b": 2, "c": 3}) == []
        assert client.get_many(["a", "b", "none", "d"]) == {"a": b"1", "b": b"2"}
        assert set(client.gets_many({"a": 1, "b": 2}.keys())) == {"a", "b"}
        assert client.get_multi(["a"]) == {"a": b"1"}
        assert client.get_many([]) == {}
    sizes = [
        (str(span.name), (span.attributes or {}).get("db.operation.batch.size"))
        for span in recorded.trace.spans
        if span.parent is recorded.trace.root
    ]
    assert sizes == [("set", 3), ("get", 4), ("gets", 2), ("get", None)]


def test_keys_that_are_deleted_together_are_one_operation(server, recorded):
    with closing(Client(server)) as client, inprofile.job("work"):
        client.delete_many(["a", "b"], noreply=False)
    assert names(recorded.trace) == ["delete", "connect"]
    (deleted,) = (span for span in recorded.trace.spans if span.name == "delete")
    assert deleted.attributes == {
        "db.system.name": "memcached",
        "db.operation.name": "delete",
        "db.operation.batch.size": 2,
    }


def test_each_server_that_is_asked_is_an_operation(memcached_address, server, recorded, tmp_path):
    from tests.servers import accepts, private_directory, running

    with private_directory() as home:
        door = home / "second.sock"
        with (
            running(["memcached", "-s", door, "-u", "root"], home, None, lambda: accepts(door)),
            closing(HashClient([server, str(door)])) as client,
            inprofile.job("work"),
        ):
            keys = [f"key{i}" for i in range(20)]
            client.set_many(dict.fromkeys(keys, "x"), noreply=False)
            assert len(client.get_many(keys)) == 20
    asked = [
        (str(span.name), span.attributes["db.operation.batch.size"])
        for span in recorded.trace.spans
        if span.name in {"set", "get"}
    ]
    assert [name for name, _ in asked] == ["set", "set", "get", "get"]
    assert sum(size for name, size in asked if name == "get") == 20


def test_commands_about_the_server_are_timed_too(server, recorded):
    with closing(Client(server, default_noreply=False)) as client, inprofile.job("work"):
        assert client.version()
        assert b"curr_items" in client.stats()
        assert client.flush_all()
        assert client.raw_command("get secret", "END\r\n") == b""
        assert client.raw_command(b"verbosity 0")
        client.quit()
    assert [name for name in names(recorded.trace) if name != "connect"] == [
        "version",
        "stats",
        "flush_all",
        "get",
        "verbosity",
        "quit",
    ]


@pytest.mark.parametrize("command", ["secret:1", b"secret\xff", "get " + "secret" * 20])
def test_what_is_no_command_is_not_shown(command, server, recorded):
    with closing(Client(server)) as client, inprofile.job("work"), suppress(MemcacheError):
        client.raw_command(command, "\r\n")
    assert [name for name in names(recorded.trace) if name != "connect"] == ["_OTHER"]
    assert guard.errors == 0


@every
def test_outside_of_a_trace_nothing_happens(made, server, recorded):
    with closing(made(server)) as client:
        client.set("a", 1, noreply=False)
        assert client.get("a") == b"1"
    assert recorded.traces == []


@every
def test_a_server_that_is_not_there_says_so(made, tmp_path, recorded):
    client = made(f"{tmp_path}/none")
    with inprofile.job("work"), pytest.raises(FileNotFoundError):
        client.get("a")
    attempts = 2 if made is retrying else 1
    errors = [(str(span.name), span.error) for span in recorded.trace.spans if span.parent]
    assert errors == [("connect", "FileNotFoundError"), ("get", "FileNotFoundError")] * attempts


def test_an_error_that_the_client_is_told_to_ignore_is_none(tmp_path, recorded):
    client = Client(f"{tmp_path}/none", ignore_exc=True)
    with inprofile.job("work"):
        assert client.get("a", "default") == "default"
    errors = [(str(span.name), span.error) for span in recorded.trace.spans if span.parent]
    assert errors == [("connect", "FileNotFoundError"), ("get", None)]


def test_an_error_of_the_servers_is_the_commands(server, recorded):
    with closing(Client(server)) as client, inprofile.job("work"):
        client.set("text", "x", noreply=False)
        with pytest.raises(MemcacheError, match="non-numeric"):
            client.incr("text", 1)
    errors = [(str(span.name), span.error) for span in recorded.trace.spans if span.parent]
    assert errors[-1] == ("incr", "MemcacheClientError")


def test_threads_that_carry_the_context_are_recorded_in_their_request(server, recorded):
    with closing(pooled(server, default_noreply=False)) as client, inprofile.job("work"):
        client.set("a", 0)
        in_threads(client.incr, *[("a", 1)] * 4)
        assert client.get("a") == b"4"
    operations = [one for one in spans(recorded.trace) if one[1] == "incr"]
    assert operations == [("cache", "incr", "work", 1)] * 4


def slowly(_key, value):
    time.sleep(0.02)
    return pickle.dumps(value), 1


class Slow:
    """A serde of the user's."""

    def serialize(self, key, value):
        return slowly(key, value)

    def deserialize(self, _key, value, _flags):
        return pickle.loads(value)


def test_what_the_users_serializer_takes_is_part_of_the_command(server, recorded):
    with closing(Client(server, serde=Slow())) as client, inprofile.job("work"):
        client.set("a", {"b": 1}, noreply=False)
        assert client.get("a") == {"b": 1}
    trace = recorded.trace
    assert trace.stages["cache"] > 20_000_000
    assert sum(trace.stages.values()) == trace.wall_ns


class Unlucky:
    """An object that nobody but the library may look at."""

    def __repr__(self):
        raise AssertionError("somebody looked")

    __eq__ = __hash__ = __len__ = __bool__ = __repr__  # type: ignore[assignment]


def outcome(call, *args):
    """The result, or the type and arguments of the error; a hash client takes some of these."""
    try:
        return call(*args)
    except Exception as error:
        return type(error), error.args


def everything(made, server):
    """Results and errors of many kinds, and what the server was asked."""
    with closing(Client(server, default_noreply=False)) as other:
        other.flush_all()
        before = other.stats()
    client = made(server, serde=serde.pickle_serde, default_noreply=False)
    results = [
        client.set("a", {"é": 1}),
        client.get("a"),
        client.get(key="none", default="default"),
        client.set(key="b", value=b"x" * 500_000, expire=10),
        len(client.get("b")),
        client.set_many({"c": 1, "d": "e"}, expire=0),
        client.get_many(("c", "d")),
        client.cas("a", 1, client.gets("a")[1]),
        client.replace("none", 1),
        type(client).__name__,
    ]
    errors = []
    for name, *args in (
        ("get", None),
        ("get", "with space"),
        ("get", "é"),
        ("get", "k" * 300),
        ("get", Unlucky()),
        ("get_many", 5),
        ("set", "a", b"x" * 10_000_000),
        ("set", "a", Unlucky),
        ("set", "a", threading.Lock()),
        ("set", "a", "x", "never"),
        ("incr", "a", "x"),
        ("get",),
    ):
        errors.append(outcome(getattr(client, name), *args))
    client.close()
    with closing(Client(server)) as other:
        after = other.stats()
    asked = {
        name: int(after[name]) - int(before[name])
        for name in (b"cmd_get", b"cmd_set", b"cmd_touch", b"get_hits", b"total_connections")
    }
    return results, errors, asked


@every
def test_results_and_errors_and_what_is_sent_are_the_librarys_own(made, server):
    inprofile.uninstrument()
    without = everything(made, server)
    with record(), inprofile.job("work"):
        within = everything(made, server)
    assert within == without
    assert inprofile.uninstrument() is None
