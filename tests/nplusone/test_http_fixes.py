"""HTTP: requests are as many with us as without; sent at once as advised they are silent."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import httpx
import pytest
import requests
import urllib3

import inprofile
from inprofile.testing import record
from tests.integrations.answers import asked
from tests.nplusone import test_http as shapes
from tests.nplusone.judging import findings, marked, place, same_code
from tests.nplusone.test_http import IDS, instrumented, server

__all__ = ["instrumented", "server"]


def urls(server):
    return [f"{server}/users/{i}" for i in IDS]


def by_httpx(server):
    with httpx.Client() as client, ThreadPoolExecutor() as pool:
        list(pool.map(client.get, urls(server)))


def by_requests(server):
    with ThreadPoolExecutor() as pool:
        list(pool.map(requests.get, urls(server)))


def by_urllib3(server):
    with urllib3.PoolManager() as http, ThreadPoolExecutor() as pool:
        list(pool.map(lambda url: http.request("GET", url), urls(server)))


def by_httpx_later(server):
    async def run():
        async with httpx.AsyncClient() as client:
            await asyncio.gather(*(client.get(url) for url in urls(server)))

    asyncio.run(run())


def by_aiohttp(server):
    async def run():
        async with aiohttp.ClientSession() as session:
            for each in await asyncio.gather(*(session.get(url) for url in urls(server))):
                each.release()

    asyncio.run(run())


@pytest.mark.parametrize("run", shapes.BLOCKING | shapes.LATER)
def test_requests_are_as_many_as_without(run, server):
    inprofile.uninstrument()
    run(server)
    without = asked[:]
    asked.clear()
    inprofile.instrument()
    (finding,) = findings(run, server)
    assert asked == without
    assert finding.count == len(asked) == len(IDS)


@pytest.mark.parametrize("run", [by_httpx, by_requests, by_urllib3, by_httpx_later, by_aiohttp])
def test_what_is_sent_as_advised_is_silent(run, server):
    with record() as recording:
        run(server)
    assert recording.findings == []
    assert sorted(asked) == [f"GET /users/{i}" for i in IDS]


def test_a_bulk_endpoint_is_one_request(server):
    def run():
        requests.get(f"{server}/users", params={"ids": ",".join(map(str, IDS))})

    assert findings(run) == []
    assert len(asked) == 1


def test_writes_have_lines_and_advice_too(server):
    def run():
        for i in IDS:  # L
            httpx.post(f"{server}/users", json={"id": i})  # Q

    (finding,) = findings(run)
    marks = marked(run)
    assert (finding.kind, finding.count, finding.operation) == ("http_n_plus_one", 4, "write")
    assert (place(finding.loop), place(finding.query)) == (marks["L"], marks["Q"])
    assert same_code(finding.fix, "bulk endpoint")
    assert len(asked) == 4
