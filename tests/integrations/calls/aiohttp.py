"""aiohttp's client."""

import asyncio

from tests.integrations.hello import hello

KINDS = {"http"}


def call(_):
    import aiohttp

    async def ask(url):
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return await response.text()

    with hello() as url:
        return asyncio.run(ask(url))
