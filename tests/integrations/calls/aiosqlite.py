"""aiosqlite."""

import asyncio

KINDS = {"db"}


def call(_):
    import aiosqlite

    async def use():
        async with aiosqlite.connect(":memory:") as db:
            await db.execute("CREATE TABLE t (a)")
            await db.execute("INSERT INTO t VALUES (1)")
            await db.commit()
            cursor = await db.execute("SELECT a FROM t")
            return await cursor.fetchall()

    return asyncio.run(use())
