"""redis."""

import asyncio

KINDS = {"cache"}


def call(fixture):
    import redis
    import redis.asyncio

    address = fixture("valkey_address")

    async def asynchronously():
        async with redis.asyncio.from_url(address) as client:
            return await client.get("call")

    with redis.from_url(address) as client:
        client.set("call", 1)
        return client.get("call"), asyncio.run(asynchronously())
