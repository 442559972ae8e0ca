"""Keys, commands and documents that caches and MongoDB refuse."""

# mypy: disable-error-code="arg-type, attr-defined, call-arg, call-overload, dict-item, index, misc"

from typing import Any

import pymemcache
import pymongo
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.integrations.bad_values import BAD, Pretending, Text, given, library, running
from tests.integrations.mysql_parts import Unlucky

KEYS: dict[str, Any] = {
    "None": None,
    "a number": 7,
    "nothing": "",
    "a space": "a b",
    "not ASCII": "ключ",
    "half a character": "\ud800",
    "long": "k" * 100_000,
    "a list": ["k"],
    "text of the user's": Text("k"),
    "an object": Unlucky(),
    "a stand-in": Pretending(),
}


@library
def redis_(request):
    once = Retry(NoBackoff(), 0)
    with redis.Redis.from_url(request.getfixturevalue("valkey_address"), retry=once) as client:
        yield {
            **given(client.get, "name", KEYS),
            **{
                f"{name}, as a command": lambda value=value: client.execute_command(value)
                for name, value in BAD.items()
                if name != "nothing"  # which no server answers
            },
            "no command": client.execute_command,
            "a value": lambda: client.set("k", Unlucky()),
            "a pipeline": lambda: client.pipeline().set("k", 1).lpush("k", 2).execute(),
            "a bad pipeline": lambda: client.pipeline().set("k", Unlucky()).execute(),
        }


@library
def redis_async(request):
    address = request.getfixturevalue("valkey_address")

    async def execute(*args, **kwargs):
        async with redis.asyncio.Redis.from_url(address) as client:
            return await client.get(*args, **kwargs)

    yield given(running(execute), "name", KEYS)


@library
def pymemcache_(request):
    client = pymemcache.Client(request.getfixturevalue("memcached_address"))
    yield {
        **given(client.get, "key", KEYS),
        **{
            f"{name}, among others": lambda value=value: client.get_many(["k", value])
            for name, value in KEYS.items()
        },
        "keys that are none": lambda: client.get_many(7),
        "a value": lambda: client.set("k", Unlucky()),
        "a big value": lambda: client.set("k", "x" * 2_000_000, noreply=False),
        "a raw command": lambda: client.raw_command(Unlucky()),
    }
    client.close()


@library
def pymongo_(request):
    client: Any
    with pymongo.MongoClient(request.getfixturevalue("mongodb_address")) as client:
        things: Any = client.test.things
        things.drop()
        documents = {
            "None": None,
            "a number": 7,
            "a list": [1],
            "text": "text",
            "an object": Unlucky(),
            "a stand-in": Pretending(),
            "a key that is none": {7: 1},
            "half a character": {"a": "\ud800"},
            "a number that is too big": {"a": 1 << 80},
            "what is unknown to BSON": {"a": object},
        }
        yield {
            **given(things.insert_one, "document", documents),
            **{
                f"{name}, as a filter": lambda value=value: list(things.find(value))
                for name, value in documents.items()
                if value is not None
            },
            "a name": lambda: client.test[Unlucky()],
            "a command": lambda: client.test.command(None),
            "an unknown command": lambda: client.test.command("no_such"),
            "a pipeline": lambda: list(things.aggregate(7)),
            "many": lambda: things.insert_many([{"_id": 1}, {"_id": 1}]),
            "writes": lambda: things.bulk_write([7]),
        }
