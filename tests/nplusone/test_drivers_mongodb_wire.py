"""What reaches MongoDB, as its driver tells: with us as without; one when advised."""

from typing import Any

import pymongo
import pytest
from pymongo import InsertOne, UpdateOne, monitoring

import inprofile
from tests.nplusone import test_drivers_mongodb as shapes
from tests.nplusone.judging import findings, marked, place


class Told(monitoring.CommandListener):
    """The commands that are sent."""

    def __init__(self):
        self.sent: list[str] = []

    def started(self, event):
        self.sent.append(event.command_name)

    def succeeded(self, event):
        pass

    def failed(self, event):
        pass


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def shop(mongodb_address, told):
    inprofile.instrument()
    client: Any
    with pymongo.MongoClient(mongodb_address, event_listeners=[told]) as client:
        client.shop.orders.delete_many({})
        client.shop.orders.insert_many([{"_id": n, "user": n % 4, "v": n} for n in range(1, 9)])
        yield client.shop


IDS = [0, 1, 2, 3]
SOME = {"$in": IDS}

FIXED: dict[Any, Any] = {
    shapes.found_one: lambda shop: list(shop.orders.find({"_id": SOME})),
    shapes.found_some: lambda shop: list(shop.orders.find({"user": SOME, "v": {"$gt": 0}})),
    shapes.latest: lambda shop: list(shop.orders.find({"user": SOME}).sort("v", -1)),
    shapes.counted: lambda shop: list(
        shop.orders.aggregate(
            [{"$match": {"user": SOME}}, {"$group": {"_id": "$user", "n": {"$sum": 1}}}]
        )
    ),
    shapes.aggregated: lambda shop: list(shop.orders.aggregate([{"$match": {"user": SOME}}])),
    shapes.batches_of_one: lambda shop: list(shop.orders.find({"_id": SOME})),
    shapes.inserted: lambda shop: shop.orders.bulk_write([InsertOne({"v": n}) for n in IDS]),
    shapes.updated: lambda shop: shop.orders.bulk_write(
        [UpdateOne({"_id": n}, {"$set": {"v": 1}}) for n in IDS]
    ),
    shapes.deleted: lambda shop: shop.orders.delete_many({"_id": SOME}),
}


@pytest.mark.parametrize("run", FIXED)
def test_documents_one_by_one_are_as_many_commands_and_one_when_asked_at_once(run, shop, told):
    told.sent.clear()
    run(shop)
    without = told.sent[:]
    told.sent.clear()
    (finding,) = findings(run, shop)
    assert told.sent == without
    assert (finding.kind, finding.count, len(without)) == ("n_plus_one", 4, 4)
    assert place(finding.loop) == marked(run)["L"]
    told.sent.clear()
    assert findings(FIXED[run], shop) == []
    assert len(told.sent) == 1
