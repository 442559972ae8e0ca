"""Django under real servers: every worker is counted, and stages add up."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.integrations import django_site
from tests.load.server import REPOSITORY
from tests.load.test_workers import COUNT

SITE = "tests.integrations.django_served:application"
GUNICORN = ("gunicorn", SITE, "--bind", "127.0.0.1:{port}", "--workers", "2")
SERVERS = {
    "sync": (*GUNICORN, "--worker-class", "sync"),
    "gthread": (*GUNICORN, "--worker-class", "gthread", "--threads", "4"),
    "gevent": (*GUNICORN, "--worker-class", "gevent"),
    "uvicorn": ("uvicorn", SITE, "--port", "{port}", "--workers", "2"),
    "daphne": ("daphne", "--port", "{port}", SITE),
    "runserver": ("tests.integrations.django_served", "runserver", "--noreload", "{port}"),
}
REQUESTS = 60


@pytest.mark.parametrize("kind", SERVERS)
def test_every_request_of_every_worker_is_counted_once(kind, serve, monkeypatch):
    monkeypatch.setenv("INPROFILE_SAMPLE_RATE", "1")
    monkeypatch.setenv("SERVED_BY", "asgi" if kind in {"uvicorn", "daphne"} else "wsgi")
    server = serve(*SERVERS[kind])
    with httpx.Client(base_url=server.url, timeout=30) as client:
        for _ in range(REQUESTS):
            answer = client.get("/pid", headers={"connection": "close"})
            assert answer.status_code == 200
        for _ in range(6):
            text = client.get("/metrics", headers={"connection": "close"}).text
            counts = [float(count) for count in COUNT.findall(text)]
            assert sum(counts) == REQUESTS + 1  # and the one that waited for the server
        assert client.get("/file/").content == Path(django_site.__file__).read_bytes()
    check_the_report()


def check_the_report():
    """Through manage.py, as a user of Django would."""
    asked = [sys.executable, "-m", "tests.integrations.django_served", "inprofile", "report"]
    done = subprocess.run(
        [*asked, "--format", "json"],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    requests = json.loads(done.stdout)["requests"]
    (route,) = [one for one in requests["routes"] if one["route"] == "/pid"]
    shares = {stage["stage"]: stage["percent"] for stage in route["stages"]}
    assert sum(shares.values()) == pytest.approx(100)
    assert {"middleware", "routing", "handler"} <= set(shares)
