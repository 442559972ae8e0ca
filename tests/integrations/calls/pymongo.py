"""pymongo."""

import asyncio
from typing import Any

KINDS = {"db"}


def call(fixture):
    import pymongo

    address = fixture("mongodb_address")
    blocking: Any = pymongo.MongoClient
    awaited: Any = pymongo.AsyncMongoClient

    async def asynchronously():
        async with awaited(address) as client:
            return [found["_id"] async for found in client.call.call.find()]

    with blocking(address) as client:
        client.call.call.delete_many({})
        client.call.call.insert_one({"_id": 1})
        return client.call.call.find_one(), asyncio.run(asynchronously())
