"""Visits a running app as several users at once; the demo starts it as a process of its own.

Writes one JSON object a line with what was done so far: a few each second, and a last one.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random

import httpx
from websockets.asyncio.client import connect

from examples.demo.apps import APPS
from examples.demo.mix import Mix, Visit

USERS = 8
THINK_S = 0.01  # mean pause of a user between two requests
LEAVES = 0.1  # share of requests after which a connection is closed; new ones spread over workers
UNANNOUNCED = 500  # uvicorn closes a connection after an exception and does not say so before
TICK_S = 0.25
PATIENCE_S = 30


@dataclass(slots=True)
class Tally:
    """What was done so far."""

    requests: int = 0
    unexpected: Counter[str] = field(default_factory=Counter)

    def add(self, visit: Visit, outcome: int | str) -> None:
        """Count one visit; an outcome is a status, or the name of what went wrong."""
        self.requests += 1
        if outcome != visit.status:
            self.unexpected[str(outcome)] += 1

    def say(self, elapsed_s: float) -> None:
        """Write a line for the demo to read."""
        line = {
            "elapsed_s": round(elapsed_s, 3),
            "requests": self.requests,
            "unexpected": self.unexpected,
        }
        print(json.dumps(line), flush=True)


async def drive(url: str, seconds: float, mix: Mix) -> None:
    """Let all users visit until the time is up."""
    tally = Tally()
    start = time.monotonic()
    async with (
        httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as client,
        asyncio.TaskGroup() as group,
    ):
        for user in range(USERS):
            group.create_task(be_user(client, mix, Random(user), start + seconds, tally))
        while time.monotonic() < start + seconds:
            await asyncio.sleep(TICK_S)
            tally.say(time.monotonic() - start)
    tally.say(time.monotonic() - start)


async def be_user(
    client: httpx.AsyncClient, mix: Mix, chance: Random, end: float, tally: Tally
) -> None:
    """Send one request after the other, with pauses."""
    while time.monotonic() < end:
        visit = mix.draw(chance)
        try:
            if visit.method == "WEBSOCKET":
                outcome: int | str = await talk(client, visit)
            else:
                leave = chance.random() < LEAVES or visit.status >= UNANNOUNCED
                outcome = await ask(client, visit, leave=leave)
        except Exception as error:  # whatever happens is a result to show, and visits go on
            outcome = type(error).__name__
        tally.add(visit, outcome)
        await asyncio.sleep(chance.expovariate(1 / THINK_S))


async def ask(client: httpx.AsyncClient, visit: Visit, *, leave: bool) -> int:
    """Send one HTTP request, read the whole answer and return its status."""
    headers = dict(visit.headers) | ({"connection": "close"} if leave else {})
    answer = await client.request(
        visit.method, visit.target, content=visit.body or None, headers=headers
    )
    return answer.status_code


async def talk(client: httpx.AsyncClient, visit: Visit) -> int:
    """Hold one websocket conversation."""
    url = client.base_url.copy_with(scheme="ws", raw_path=visit.target.encode())
    async with asyncio.timeout(PATIENCE_S), connect(str(url)) as websocket:
        for line in visit.body.splitlines():
            await websocket.send(line)
            await websocket.recv()
    return visit.status


def main(arguments: list[str]) -> None:
    """Run as `python -m examples.demo.driver APP URL SECONDS`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("app", choices=APPS)
    parser.add_argument("url")
    parser.add_argument("seconds", type=float)
    chosen = parser.parse_args(arguments)
    asyncio.run(drive(chosen.url, chosen.seconds, APPS[chosen.app].mix))


if __name__ == "__main__":
    main(sys.argv[1:])
