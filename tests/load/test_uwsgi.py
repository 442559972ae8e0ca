"""uWSGI: Django and Flask in workers that it forks itself, with threads of Python's and without."""

import os
import signal
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from tests.load.bare import FILE
from tests.load.test_django import REQUESTS, SITE, check_the_report
from tests.load.test_workers import COUNT
from tests.load.test_wsgi_servers import PATHS, port_of, raw

pytestmark = pytest.mark.skipif(find_spec("pyuwsgi") is None, reason="needs pyuwsgi")

OPTIONS = {
    "plain": (),
    "threads": ("--enable-threads", "--threads", "2"),
    "enabled": ("--enable-threads",),
    "lazy": ("--lazy-apps",),
    "lazy and threads": ("--lazy-apps", "--enable-threads", "--threads", "2"),
}


def uwsgi(app, *options):
    return (
        *("tests.load.uwsgi", "--module", app, "--http-socket", "127.0.0.1:{port}"),
        *("--master", "--processes", "2", "--need-app", "--die-on-term", "--disable-logging"),
        *options,
    )


def asked(server, path, times):
    """The answers of requests on connections of their own, which any worker may take."""
    with httpx.Client(base_url=server.url, timeout=30) as client:
        return [client.get(path, headers={"connection": "close"}) for _ in range(times)]


def counts(server):
    """What each of several scrapes says was counted."""
    return {
        sum(float(count) for count in COUNT.findall(answer.text))
        for answer in asked(server, "/metrics", 6)
    }


@pytest.mark.parametrize("kind", OPTIONS)
@pytest.mark.parametrize("app", [SITE, "tests.load.wsgi_shop:app"], ids=["django", "flask"])
def test_every_request_of_every_worker_is_counted_once(app, kind, serve, monkeypatch):
    monkeypatch.setenv("INPROFILE_SAMPLE_RATE", "1")
    server = serve(*uwsgi(app, *OPTIONS[kind]))
    answers = asked(server, "/pid", REQUESTS)
    assert {answer.status_code for answer in answers} == {200}
    pids = {answer.text for answer in answers}
    assert 1 <= len(pids) <= 2
    assert counts(server) == {REQUESTS + 1}  # and the one that waited for the server
    if app == SITE:
        check_the_report()


@pytest.mark.parametrize("kind", ["plain", "lazy and threads"])
def test_every_byte_is_the_same_with_and_without_the_line(kind, serve):
    answers = []
    for app in ("bare", "measured"):
        server = serve(*uwsgi(f"tests.load.wsgi_shop:{app}", *OPTIONS[kind]), path="/list")
        answers.append([raw(port_of(server), path) for path in PATHS])
    assert answers[0] == answers[1]
    assert Path(FILE).read_text() in answers[0][4].replace("\r\n", "\n")


@pytest.mark.parametrize("kind", ["plain", "enabled"])
def test_a_worker_that_is_killed_takes_nothing_with_it(kind, serve):
    server = serve(*uwsgi("tests.load.wsgi_shop:app", *OPTIONS[kind]))
    victim = int(asked(server, "/pid", 1)[0].text)
    assert counts(server) == {2}  # a client has its last byte before the worker counts it
    os.kill(victim, signal.SIGKILL)
    answers = asked(server, "/pid", 20)
    assert str(victim) not in {answer.text for answer in answers}
    assert counts(server) == {2 + 20}
