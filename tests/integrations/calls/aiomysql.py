"""aiomysql."""

import asyncio

KINDS = {"db", "db_pool_wait"}


def call(fixture):
    import aiomysql

    door, user, database = fixture("mariadb")

    async def use():
        async with (
            aiomysql.create_pool(unix_socket=door, user=user, db=database) as pool,
            pool.acquire() as db,
            db.cursor() as cursor,
        ):
            await cursor.execute("SELECT %s AS one", (1,))
            rows = await cursor.fetchall()
            await db.commit()
            return rows

    return asyncio.run(use())
