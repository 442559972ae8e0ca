"""Metrics of many parts through real servers: streamed, compressed, broken off for all to see."""

import zlib

import httpx
import pytest

from inprofile.exporters.serving.answer import CHUNK_BYTES
from tests.exporters.exposed import total
from tests.load.scrapes import FORMATS, PROTO

APPS = "tests.load.large_app"
UVICORN_WORKER = "uvicorn_worker.UvicornWorker"
JOBS = 300
"""Of which each has its own series there."""


def gunicorn(app, kind):
    return (
        *("gunicorn", f"{APPS}:{app}", "--bind", "127.0.0.1:{port}"),
        *("--worker-class", kind, "--log-level", "critical"),
    )


def uvicorn(app):
    return ("uvicorn", f"{APPS}:{app}", "--port", "{port}", "--log-level", "critical")


SERVERS = {
    "uvicorn": lambda prefix: uvicorn(f"{prefix}asgi"),
    "uvicorn worker": lambda prefix: gunicorn(f"{prefix}asgi", UVICORN_WORKER),
    "sync": lambda prefix: gunicorn(f"{prefix}wsgi", "sync"),
    "gthread": lambda prefix: gunicorn(f"{prefix}wsgi", "gthread"),
}


def asked(url, encoding="identity", accept=FORMATS[0], method="GET"):
    """Headers and the body as it came over the wire."""
    headers = {"accept": accept, "accept-encoding": encoding}
    with httpx.stream(method, f"{url}/metrics", headers=headers, timeout=60) as answer:
        return answer.headers, b"".join(answer.iter_raw())


@pytest.mark.parametrize("kind", SERVERS)
def test_they_come_whole_plain_or_compressed_and_a_head_has_none_of_them(serve, base, kind):
    url = serve(*SERVERS[kind](""), path="/fill").url
    headers, body = asked(url)
    assert len(body) > 4 * CHUNK_BYTES
    assert "content-length" not in headers
    assert total(body, "inprofile_job_duration_seconds_count") == JOBS
    for accept in FORMATS:
        headers, zipped = asked(url, "gzip, deflate", accept)
        assert (headers["content-encoding"], len(zipped) < len(body) / 5) == ("gzip", True)
        assert len(zlib.decompress(zipped, wbits=31)) > (
            CHUNK_BYTES if accept == PROTO else len(body) / 2
        )
    headers, nothing = asked(url, method="HEAD")
    assert (headers["content-type"], nothing) == (
        FORMATS[0] + "; version=0.0.4; charset=utf-8",
        b"",
    )


@pytest.mark.parametrize("kind", SERVERS)
def test_an_error_in_the_middle_is_no_scrape_for_its_reader(serve, base, kind):
    url = serve(*SERVERS[kind]("breaking_"), path="/fill").url
    for _ in range(2):
        with pytest.raises(httpx.RemoteProtocolError):
            asked(url)
