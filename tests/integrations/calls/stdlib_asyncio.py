"""asyncio: nothing of it is timed."""

import asyncio

KINDS = set[str]()


def call(_):
    async def main():
        async with asyncio.TaskGroup() as group:
            task = group.create_task(asyncio.sleep(0, 3))
        return task.result()

    return asyncio.run(main())
