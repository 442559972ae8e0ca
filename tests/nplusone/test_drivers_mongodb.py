"""pymongo: documents asked for and written one by one, and many at once; sync and async."""

import asyncio
from typing import Any

import pymongo
import pytest
from bson import ObjectId
from pymongo import InsertOne

import inprofile
from inprofile.testing import record
from tests.nplusone.judging import findings, marked, place, same_code


@pytest.fixture
def shop(mongodb_address):
    inprofile.instrument()
    client: Any
    with pymongo.MongoClient(mongodb_address) as client:
        client.shop.orders.delete_many({})
        client.shop.orders.insert_many([{"_id": n, "user": n % 4, "v": n} for n in range(1, 9)])
        yield client.shop


def found_one(shop):
    for n in range(4):  # L
        shop.orders.find_one({"_id": n})  # Q


def found_some(shop):
    for n in range(4):  # L
        list(shop.orders.find({"user": n, "v": {"$gt": 0}}))  # Q


def latest(shop):
    for n in range(4):  # L
        list(shop.orders.find({"user": n}).sort("v", -1).limit(3))  # Q


def counted(shop):
    for n in range(4):  # L
        shop.orders.count_documents({"user": n})  # Q


def aggregated(shop):
    for n in range(4):  # L
        list(shop.orders.aggregate([{"$match": {"user": n}}]))  # Q


def batches_of_one(shop):
    for n in range(4):  # L
        list(shop.orders.find({"_id": {"$in": [n]}}))  # Q


def inserted(shop):
    for n in range(4):  # L
        shop.orders.insert_one({"v": n})  # Q


def updated(shop):
    for n in range(4):  # L
        shop.orders.update_one({"_id": n}, {"$set": {"v": 1}})  # Q


def deleted(shop):
    for n in range(4):  # L
        shop.orders.delete_one({"_id": n})  # Q


IN = '{"_id": {"$in": ids}}'


@pytest.mark.parametrize(
    ("run", "fix", "operation"),
    [
        (found_one, f"find({IN})", "read"),
        (found_some, '{"$in": values}', "read"),
        (latest, '{"user": {"$in": values}}', "read"),
        (counted, '{"user": {"$in": values}}', "read"),
        (aggregated, '{"user": {"$in": values}}', "read"),
        (batches_of_one, f"find({IN})", "read"),
        (inserted, "insert_many(documents)", "write"),
        (updated, "bulk_write(operations)", "write"),
        (deleted, f"delete_many({IN})", "write"),
    ],
)
def test_documents_one_by_one_are_found(run, fix, operation, shop):
    (finding,) = findings(run, shop)
    marks = marked(run)
    assert (finding.kind, finding.count, finding.operation) == ("n_plus_one", 4, operation)
    assert (place(finding.loop), place(finding.query)) == (marks["L"], marks["Q"])
    assert same_code(finding.fix, fix), finding.fix


def by_lists(shop):
    for n in range(0, 8, 2):
        list(shop.orders.find({"_id": {"$in": [n, n + 1]}}))


def by_pages(shop):
    for n in range(4):
        list(shop.orders.find({}).sort("_id").skip(n * 2).limit(2))


def by_the_last_key(shop):
    for n in range(0, 8, 2):
        list(shop.orders.find({"_id": {"$gt": n}}).sort("_id").limit(2))


def in_batches(shop):
    for _ in shop.orders.find({}, batch_size=1):
        pass


def written_at_once(shop):
    for n in range(4):
        shop.orders.insert_many([{"v": n}, {"v": n}])
        shop.orders.bulk_write([InsertOne({"v": n}), InsertOne({"v": n})])


def by_another_field(shop):
    for field in ("_id", "user", "v", "w"):
        shop.orders.find_one({field: 1})


def twice(shop):
    for n in (1, 2):
        shop.orders.find_one({"_id": n})


def again(shop):
    wanted = {"_id": ObjectId()}
    for _ in range(3):
        shop.orders.find_one(wanted)


@pytest.mark.parametrize(
    "run",
    [
        by_lists,
        by_pages,
        by_the_last_key,
        in_batches,
        written_at_once,
        by_another_field,
        twice,
        again,
    ],
)
def test_documents_at_once_are_silent(run, shop):
    assert findings(run, shop) == []


async def awaited(shop):
    for n in range(4):  # L
        await shop.orders.find_one({"_id": ObjectId(), "user": n})  # Q


async def counted_async(shop):
    for n in range(4):  # L
        await shop.orders.count_documents({"user": n})  # Q


async def iterated(shop):
    for n in range(4):  # L
        async for _ in shop.orders.find({"user": n}):  # Q
            pass


@pytest.mark.parametrize("run", [awaited, counted_async, iterated])
def test_query_and_loop_are_lines_of_the_coroutine(run, shop, mongodb_address):
    async def work():
        client: Any
        async with pymongo.AsyncMongoClient(mongodb_address) as client:
            with record() as recording:
                await run(client.shop)
        return recording.findings

    (finding,) = asyncio.run(work())
    marks = marked(run)
    assert (finding.kind, finding.count) == ("n_plus_one", 4)
    assert (place(finding.loop), place(finding.query)) == (marks["L"], marks["Q"])
