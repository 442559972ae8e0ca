"""An application whose tasks send each other a ball, and how long a game of all of them takes."""

import asyncio
import time
from typing import Any

HITS = 10
"""Of each ball in one game: what each pair of tasks does is so many steps."""


class Players:
    """Tasks in pairs; each awaits a future, makes itself the next one, and hits the ball back.

    Raises ValueError for less than one pair, whose game would never be over.
    """

    def __init__(self, tasks: int) -> None:
        self.pairs = tasks // 2
        if not self.pairs:
            raise ValueError(f"{tasks} tasks make no pair")
        self.tasks: list[asyncio.Task[None]] = []
        self.balls: list[asyncio.Future[int]] = []
        self.rallies = 0
        self.over: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Start the tasks; they wait for a ball."""
        loop = asyncio.get_running_loop()
        self.balls = [loop.create_future() for _ in range(2 * self.pairs)]
        self.tasks = [asyncio.create_task(self._play(n)) for n in range(2 * self.pairs)]
        await asyncio.sleep(0)

    async def game(self) -> int:
        """Give each pair a ball and wait until all have hit theirs often enough: nanoseconds."""
        self.over, self.rallies = asyncio.get_running_loop().create_future(), self.pairs
        start_ns = time.perf_counter_ns()
        for n in range(0, 2 * self.pairs, 2):
            self.balls[n].set_result(HITS)
        await self.over
        return time.perf_counter_ns() - start_ns

    async def end(self) -> None:
        """End the tasks."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _play(self, mine: int) -> None:
        loop, balls, other = asyncio.get_running_loop(), self.balls, mine ^ 1
        while True:
            left = await balls[mine]
            balls[mine] = loop.create_future()
            if left > 1:
                balls[other].set_result(left - 1)
                continue
            self.rallies -= 1
            if not self.rallies and self.over is not None:
                self.over.set_result(None)


class Court:
    """A FastAPI application in which they play: one game for each request.

    ``is_own`` says that a request starts the tasks itself; else they are there before it, as those
    of an application that starts them with itself. ``game_ns`` is how long the latest game took.
    """

    def __init__(self, tasks: int, *, is_own: bool) -> None:
        from fastapi import FastAPI

        self.tasks = tasks
        self.game_ns = 0
        self.players = Players(tasks)
        self.app = FastAPI()
        self.app.get("/game")(self.of_own if is_own else self.of_all)

    async def of_all(self) -> Any:
        """Let those play who are there."""
        self.game_ns = await self.players.game()
        return {"ok": True}

    async def of_own(self) -> Any:
        """Let tasks of this request play."""
        players = Players(self.tasks)
        await players.start()
        self.game_ns = await players.game()
        await players.end()
        return {"ok": True}
