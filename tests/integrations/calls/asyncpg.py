"""asyncpg."""

import asyncio

KINDS = {"db", "db_pool_wait"}


def call(fixture):
    import asyncpg

    async def use():
        async with asyncpg.create_pool(fixture("postgres_dsn"), min_size=1, max_size=1) as pool:
            return [tuple(row) for row in await pool.fetch("SELECT 1 AS one")]

    return asyncio.run(use())
