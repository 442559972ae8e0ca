"""AnyIO."""

import asyncio

KINDS = {"threadpool_wait"}


def call(_):
    import anyio.to_thread

    async def use():
        return await anyio.to_thread.run_sync(sum, [1, 2])

    return asyncio.run(use())
