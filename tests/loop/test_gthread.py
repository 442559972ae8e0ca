"""gunicorn's workers with threads tell how many there are and how many of them are busy."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.exporters.exposed import values

BUSY, MAX = "inprofile_threads_busy", "inprofile_threads_max"
THREADS = 4


def gunicorn(*options):
    return (
        *("gunicorn", "tests.loop.wsgi_blocks:app", "--bind", "127.0.0.1:{port}"),
        *("--log-level", "critical", *options),
    )


def gthread(*options):
    return gunicorn("--worker-class", "gthread", "--threads", str(THREADS), *options)


def scraped(server):
    return httpx.get(f"{server.url}/metrics").raise_for_status().content


def threads(server, sample):
    """What each worker says, by its process."""
    return {labels["pid"]: value for labels, value in values(scraped(server), sample)}


def settles(server, sample, wanted):
    """What is said once it is as wanted: a request takes a moment to begin, end and be told of."""
    found = None
    for _ in range(400):
        found = threads(server, sample)
        if found == wanted:
            break
    return found


@pytest.mark.parametrize("when", [(), ("--preload",)], ids=["loaded", "preloaded"])
def test_as_many_threads_are_busy_as_requests_are_under_way(serve, when):
    server = serve(*gthread("--workers", "1", *when))
    pid = httpx.get(f"{server.url}/pid").text
    with ThreadPoolExecutor(3) as clients:
        held = [clients.submit(httpx.get, f"{server.url}/hold", timeout=30) for _ in range(3)]
        assert settles(server, BUSY, {pid: 3}) == {pid: 3}
        assert threads(server, MAX) == {pid: THREADS}
        httpx.get(f"{server.url}/release")
        assert [answer.result().text for answer in held] == ["True"] * 3
    assert settles(server, BUSY, {pid: 0}) == {pid: 0}


def test_any_worker_tells_of_all(serve):
    server = serve(*gthread("--workers", "2"))
    pids: set = set()
    for _ in range(200):
        pids.add(httpx.get(f"{server.url}/pid", headers={"connection": "close"}).text)
        if len(pids) == 2:
            break
    wanted = dict.fromkeys(pids, THREADS)
    assert settles(server, MAX, wanted) == wanted


@pytest.mark.parametrize("kind", ["sync", "gevent"])
def test_a_worker_without_threads_says_nothing_of_them(serve, kind):
    server = serve(*gunicorn("--worker-class", kind))
    httpx.get(f"{server.url}/pid")
    text = scraped(server)
    assert (values(text, BUSY), values(text, MAX)) == ([], [])
