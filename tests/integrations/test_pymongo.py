"""pymongo against a server of MongoDB's protocol: every operation timed, named without values."""

import asyncio
import contextvars
import gc
import socket
import threading
import time
import warnings
from typing import Any

import pymongo
import pytest
from bson.errors import InvalidDocument
from pymongo.errors import (
    ConnectionFailure,
    DuplicateKeyError,
    OperationFailure,
    ServerSelectionTimeoutError,
)

import inprofile
from inprofile.core.guard import guard
from inprofile.testing import record
from tests.integrations.spans import names, spans


def connected(server, **options) -> Any:
    return pymongo.MongoClient(server, **options)


@pytest.fixture
def server(mongodb_address):
    """The address of an empty database."""
    with connected(mongodb_address) as client:
        for collection in (client.shop.orders, client.shop.items):
            collection.delete_many({})
            collection.drop()
    return mongodb_address


def in_sync(server, use, **options):
    """What ``use`` returns for the database, awaited where it is asynchronous."""

    async def run():
        with connected(server, **options) as client:
            return await use(client.shop)

    return asyncio.run(run())


def in_async(server, use, **options):
    async def run():
        async with pymongo.AsyncMongoClient(server, **options) as client:
            return await use(client.shop)

    return asyncio.run(run())


async def done(result):
    """The result of a call of either of the two."""
    return await result if hasattr(result, "__await__") else result


async def listed(cursor):
    cursor = await done(cursor)
    if hasattr(cursor, "__aiter__"):
        return [each async for each in cursor]
    return list(cursor)


both = pytest.mark.parametrize("ask", [in_sync, in_async])


def operations(trace):
    """(name, parent, count, error) of what is no connect."""
    return [
        (str(span.name), str(span.parent.name), span.count)
        for span in sorted(trace.spans, key=lambda span: span.start_ns)
        if span.kind == "db" and span.name not in {"connect", "endSessions"}
    ]


def below(parent, *names):
    return [(name, parent, 1) for name in names]


@both
def test_an_operation_is_a_span_named_by_command_and_collection(ask, server, recorded):
    async def use(db):
        orders = db.orders
        await done(orders.insert_one({"_id": 1, "secret": "secret"}))
        await done(orders.insert_many([{"secret": i} for i in range(3)]))
        await done(orders.find_one({"secret": "secret"}))
        await listed(orders.find({"secret": {"$gt": 0}}))
        await listed(orders.aggregate([{"$match": {"secret": "secret"}}]))
        await done(orders.count_documents({"secret": "secret"}))
        await done(orders.estimated_document_count())
        await done(orders.distinct("secret"))
        await done(orders.update_one({"secret": 1}, {"$set": {"secret": 2}}))
        await done(orders.replace_one({"secret": 2}, {"secret": 3}))
        await done(orders.find_one_and_update({"secret": 3}, {"$set": {"secret": 4}}))
        await done(orders.create_index("secret"))
        await listed(orders.list_indexes())
        await done(orders.delete_many({"secret": 4}))
        await done(db.command("ping"))
        await done(orders.drop())

    with inprofile.job("work"):
        ask(server, use)
    trace = recorded.trace
    assert operations(trace) == below(
        "work",
        "insert orders",
        "insert orders",
        "find orders",
        "find orders",
        "aggregate orders",
        "count orders",
        "count orders",
        "distinct orders",
        "update orders",
        "update orders",
        "findAndModify orders",
        "createIndexes orders",
        "listIndexes orders",
        "delete orders",
        "ping",
        "drop orders",
    )
    assert "secret" not in repr([(span.name, span.attributes) for span in trace.spans])
    first = min(trace.spans[:-1], key=lambda span: span.start_ns)
    assert first.attributes == {
        "db.system.name": "mongodb",
        "db.operation.name": "insert",
        "db.collection.name": "orders",
    }
    assert sum(trace.stages.values()) == trace.wall_ns
    assert guard.errors == 0


@both
def test_writes_in_bulk_are_one_operation_of_so_many(ask, server, recorded):
    async def use(db):
        await done(db.orders.insert_many([{"a": i} for i in range(7)]))
        result = await done(
            db.orders.bulk_write(
                [
                    pymongo.InsertOne({"b": 1}),
                    pymongo.UpdateOne({"b": 1}, {"$set": {"c": 1}}),
                    pymongo.DeleteOne({"b": 1}),
                ]
            )
        )
        return result.deleted_count

    with inprofile.job("work"):
        assert ask(server, use) == 1
    sizes = [
        (str(span.name), span.attributes.get("db.operation.batch.size"))
        for span in recorded.trace.spans
        if span.parent is recorded.trace.root and span.name not in {"connect", "endSessions"}
    ]
    assert sizes == [("insert orders", 7), ("bulkWrite orders", 3)]


@both
def test_the_batches_of_a_cursor_belong_to_its_find(ask, server, recorded):
    async def use(db):
        await done(db.orders.insert_many([{"a": i} for i in range(250)]))
        await done(db.items.insert_many([{"a": i} for i in range(250)]))
        with inprofile.span("reading", kind="handler"):
            outer = await listed(db.orders.find({}, batch_size=100))
            inner = await listed(db.items.aggregate([{"$match": {}}], batchSize=100))
            return len(outer), len(inner)

    with inprofile.job("work"):
        assert ask(server, use) == (250, 250)
    trace = recorded.trace
    read = [one for one in operations(trace) if one[1] == "reading"]
    assert read == [
        ("find orders", "reading", 1),
        ("find orders", "reading", 0),
        ("find orders", "reading", 0),
        ("aggregate items", "reading", 1),
        ("aggregate items", "reading", 0),
        ("aggregate items", "reading", 0),
    ]
    assert sum(trace.stages.values()) == trace.wall_ns


def test_cursors_in_turns_keep_their_own_batches(server, recorded):
    with connected(server) as client:
        db = client.shop
        db.orders.insert_many([{"a": i} for i in range(5)])
        db.items.insert_many([{"a": i} for i in range(5)])
        with inprofile.job("work"):
            pairs = list(
                zip(db.orders.find(batch_size=2), db.items.find(batch_size=2), strict=True)
            )
    assert len(pairs) == 5
    counts: dict[str, list[int]] = {}
    for name, _, count in operations(recorded.trace):
        counts.setdefault(name, []).append(count)
    assert counts == {"find orders": [1, 0, 0], "find items": [1, 0, 0]}


def test_opening_a_connection_is_part_of_the_operation_that_needs_it(server, recorded):
    with connected(server) as client, inprofile.job("work"):
        client.shop.orders.find_one()
        client.shop.orders.find_one()
    assert spans(recorded.trace) == [
        ("db", "find orders", "work", 1),
        ("db", "connect", "find orders", 1),
        ("db", "find orders", "work", 1),
    ]


def test_what_monitors_say_is_nobodys_time(server, recorded):
    async def use(db):
        await db.orders.find_one()
        await asyncio.sleep(0.6)  # a monitor's heartbeat comes every half second at most

    with inprofile.job("work"):
        in_async(server, use, heartbeatFrequencyMS=500)
    assert "hello" not in names(recorded.trace)
    assert [one[:2] for one in operations(recorded.trace)] == [("find orders", "work")]


@pytest.mark.parametrize("command", ["secret:1", "secret word"])
def test_what_is_no_command_is_not_shown(command, server, recorded):
    with connected(server) as client, inprofile.job("work"):
        with pytest.raises(OperationFailure):
            client.shop.command(command)
        client.shop.command({"usersInfo": "secret"})
    assert operations(recorded.trace) == below("work", "_OTHER", "usersInfo")
    assert guard.errors == 0


@both
def test_outside_of_a_trace_nothing_happens(ask, server, recorded):
    async def use(db):
        await done(db.orders.insert_one({"_id": 1}))
        return await done(db.orders.find_one())

    assert ask(server, use) == {"_id": 1}
    assert recorded.traces == []


@both
def test_an_operation_that_fails_says_with_what(ask, server, recorded):
    async def use(db):
        await done(db.orders.insert_one({"_id": 1}))
        with pytest.raises(DuplicateKeyError) as error:
            await done(db.orders.insert_one({"_id": 1}))
        return error.value.code

    with inprofile.job("work"):
        assert ask(server, use) == 11000
    errors = [span.error for span in recorded.trace.spans if span.name == "insert orders"]
    assert errors == [None, "DuplicateKeyError"]


@both
def test_a_server_that_is_not_there_is_waited_for_in_the_operation(ask, recorded):
    async def use(db):
        with pytest.raises(ServerSelectionTimeoutError):
            await done(db.orders.find_one())

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # pymongo forgets a monitor's socket
        with inprofile.job("work"):
            ask("mongodb://127.0.0.1:1", use, serverSelectionTimeoutMS=50)
        gc.collect()
    (span,) = (span for span in recorded.trace.spans if span.name == "find orders")
    assert span.error == "ServerSelectionTimeoutError"
    assert span.duration_ns > 50_000_000


def shut(pool):
    """Close the connections of a pool as a network would."""
    for connection in pool.conns:
        getattr(connection.conn, "get_conn", connection.conn).shutdown(socket.SHUT_RDWR)


def test_retries_are_one_operation(server, recorded):
    with connected(server) as client:
        client.shop.orders.insert_one({"_id": 1})
        (pool,) = (each.pool for each in client._topology._servers.values())
        with inprofile.job("work"):
            shut(pool)  # the next command finds it closed, and is sent again
            assert client.shop.orders.find_one() == {"_id": 1}
    assert operations(recorded.trace) == below("work", "find orders")


def test_waiting_for_a_connection_is_waiting_and_no_operation(server, recorded):
    with connected(server, maxPoolSize=1) as client:
        client.shop.orders.find_one()
        (pool,) = (each.pool for each in client._topology._servers.values())
        with inprofile.job("work"):
            context = contextvars.copy_context()
            thread = threading.Thread(
                target=context.run, args=[client.shop.orders.find_one, {"a": 1}]
            )
            with pool.checkout():
                thread.start()
                time.sleep(0.05)
            thread.join()
    trace = recorded.trace
    assert spans(trace) == [
        ("db", "find orders", "work", 1),
        ("db_pool_wait", "checkout", "find orders", 1),
    ]
    assert trace.spans[0].duration_ns > 40_000_000
    assert sum(trace.stages.values()) == trace.wall_ns


def test_operations_at_once_are_each_a_span_below_their_own_task(server, recorded):
    async def one(db, number):
        with inprofile.span(f"task {number}", kind="handler"):
            await db.orders.insert_one({"_id": number})
            assert await db.orders.find_one({"_id": number}) == {"_id": number}

    async def use(db):
        await asyncio.gather(*(one(db, number) for number in range(8)))

    with inprofile.job("work"):
        in_async(server, use)
    trace = recorded.trace
    expected = [
        (name, f"task {number}", 1)
        for number in range(8)
        for name in ("find orders", "insert orders")
    ]
    assert sorted(operations(trace)) == sorted(expected)
    assert sum(trace.stages.values()) == trace.wall_ns


def test_a_transaction_shows_what_it_sends(server, recorded):
    with connected(server) as client, client.start_session() as session:
        client.shop.orders.insert_one({"_id": 0})
        with inprofile.job("work"), session.start_transaction():
            client.shop.orders.insert_one({"_id": 1}, session=session)
    assert operations(recorded.trace) == below("work", "insert orders", "commitTransaction")


class Unlucky:
    """An object that nobody but the library may look at."""

    def __repr__(self):
        raise AssertionError("somebody looked")

    __eq__ = __hash__ = __len__ = __bool__ = __repr__  # type: ignore[assignment]


async def outcome(call, *args, **kwargs):
    """The result, or the type and arguments of the error."""
    try:
        return await listed_or_done(call(*args, **kwargs))
    except Exception as error:
        return type(error), getattr(error, "details", None) or str(error)


async def listed_or_done(result):
    result = await done(result)
    return await listed(result) if hasattr(result, "batch_size") else result


async def everything(db):
    """Results and errors of many kinds."""
    orders = db.orders
    await done(orders.drop())
    inserted = await done(orders.insert_many([{"_id": i, "a": "é" * i} for i in range(5)]))
    cursor = orders.find(filter={"_id": {"$gt": 1}}, projection={"a": 1}, sort=[("_id", -1)])
    results = [
        inserted.inserted_ids,
        type(cursor).__module__,
        type(cursor).__name__,
        await listed(cursor),
        await done(orders.count_documents(filter={})),
        (await done(orders.update_many({}, {"$set": {"b": 1}}))).modified_count,
        await listed(orders.aggregate(pipeline=[{"$match": {"_id": 1}}])),
        len(await listed(orders.find_raw_batches())),
    ]
    errors = [
        await outcome(orders.insert_one, None),
        await outcome(orders.insert_one, {"a": Unlucky}),
        await outcome(orders.insert_one, {"a": b"x" * 17_000_000}),
        await outcome(orders.insert_one, {"_id": 1}),
        await outcome(orders.insert_many, []),
        await outcome(orders.find_one, Unlucky),
        await outcome(orders.find_one, {"a": threading.Lock}),
        await outcome(orders.aggregate, None),
        await outcome(orders.bulk_write, [1]),
        await outcome(db.command, None),
        await outcome(db.command, {}),
        await outcome(db.command, 5),
    ]
    return results, errors


@both
def test_results_and_errors_are_the_librarys_own(ask, server):
    inprofile.uninstrument()
    without = ask(server, everything)
    with record(), inprofile.job("work"):
        within = ask(server, everything)
    assert within == without
    assert InvalidDocument in {error[0] for error in within[1]}
    assert guard.errors == 0
    assert inprofile.uninstrument() is None


@both
def test_no_command_is_sent_but_the_librarys_own(ask, server):
    class Listener(pymongo.monitoring.CommandListener):
        def __init__(self):
            self.sent = []

        def started(self, event):
            self.sent.append((event.command_name, sorted(event.command)))

        def succeeded(self, event):
            pass

        failed = succeeded

    def sent():
        listener = Listener()
        ask(server, everything, event_listeners=[listener])
        return listener.sent

    inprofile.uninstrument()
    without = sent()
    with record(), inprofile.job("work"):
        within = sent()
    assert within == without


def test_a_connection_that_breaks_says_so(server, recorded):
    with connected(server, retryReads=False) as client:
        client.shop.orders.find_one()
        (pool,) = (each.pool for each in client._topology._servers.values())
        with inprofile.job("work"):
            shut(pool)
            with pytest.raises(ConnectionFailure):
                client.shop.orders.find_one()
    errors = [span.error for span in recorded.trace.spans if span.name == "find orders"]
    assert errors == ["AutoReconnect"]
