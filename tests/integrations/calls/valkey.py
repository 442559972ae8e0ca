"""valkey."""

import asyncio

KINDS = {"cache"}


def call(fixture):
    import valkey
    import valkey.asyncio

    address = fixture("valkey_address")

    async def asynchronously():
        async with valkey.asyncio.from_url(address) as client:
            return await client.get("call")

    with valkey.from_url(address) as client:
        client.set("call", 1)
        return client.get("call"), asyncio.run(asynchronously())
