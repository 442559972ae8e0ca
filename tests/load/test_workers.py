"""Many workers under load: one is killed, and no finished request is lost or counted twice."""

import asyncio
import os
import re
import signal
from collections import Counter

import httpx
import pytest

COUNT = re.compile(
    r'http_server_request_duration_seconds_count\{[^}]*http_route="/pid"[^}]*\} (\S+)'
)


UVICORN = ("uvicorn", "tests.load.shop:app", "--port", "{port}", "--log-level", "warning")
GUNICORN = (
    *("gunicorn", "tests.load.shop:app", "--bind", "127.0.0.1:{port}"),
    *("--worker-class", "uvicorn_worker.UvicornWorker", "--log-level", "warning"),
)


async def drive(url, requests, concurrency, half_way):
    """How many responses arrived whole from which worker, and how many did not arrive."""
    answered: Counter = Counter()
    failed, left = 0, requests
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=0)

    async def one_after_the_other(client):
        nonlocal failed, left
        while left:
            left -= 1
            if left == requests // 2:
                half_way(list(answered))
            try:
                pid = (await client.get(f"{url}/pid")).raise_for_status().json()
                answered[pid] += 1
            except httpx.HTTPError:
                failed += 1

    async with httpx.AsyncClient(limits=limits, timeout=30) as client:
        await asyncio.gather(*(one_after_the_other(client) for _ in range(concurrency)))
    return answered, failed


def counted(url):
    """What some scrapes say, each from whichever worker took the connection."""
    totals = set()
    for _ in range(12):
        text = httpx.get(f"{url}/metrics").raise_for_status().text
        totals.add(sum(float(count) for count in COUNT.findall(text)))
    return totals


def check_a_killed_worker_loses_nothing(server, requests, concurrency):
    """A request in flight in the killed worker may have finished there or not: the client
    cannot know, nor whether the worker came to count the one whose last byte it had just sent. All
    others are counted exactly, and every worker says the same.
    """
    (warm,) = counted(server.url)
    killed = []

    def kill(pids):
        killed.append(pids[0])
        os.kill(pids[0], signal.SIGKILL)

    answered, failed = asyncio.run(drive(server.url, requests, concurrency, kill))
    totals = counted(server.url)
    assert len(totals) == 1, f"workers disagree: {totals}"
    finished = totals.pop() - warm
    whole = answered.total()
    print(f"answered {whole}, broken {failed}, counted {finished:.0f}, killed {killed}")
    assert whole + failed == requests
    assert killed[0] in answered
    assert len(answered) > 1
    assert whole - 1 <= finished <= whole + failed
    return answered


def test_every_surviving_worker_counts_exactly_the_requests_that_finished(serve):
    server = serve(*UVICORN, "--workers", "4")
    check_a_killed_worker_loses_nothing(server, 4000, 64)


@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["plain", "preload"])
def test_workers_under_gunicorn_count_together(serve, preload):
    server = serve(*GUNICORN, "--workers", "3", *preload)
    check_a_killed_worker_loses_nothing(server, 900, 24)
