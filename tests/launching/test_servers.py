"""Launched servers: each request of each worker is counted, once, and every worker can say so."""

import httpx
import pytest

from tests.exporters.exposed import COUNT, total
from tests.launching.launchers import OPENTELEMETRY, RUN

REQUESTS = 30
SHOP = "tests.launching.shop"
DJANGO = "tests.launching.django_site"
UVICORN = ("uvicorn", "--port", "{port}", "--log-level", "warning")
PATIENT = ("--timeout-worker-healthcheck", "60")  # else slow machines never have two workers
WSGI = (*UVICORN, "--interface", "wsgi")
GUNICORN = ("gunicorn", "--bind", "127.0.0.1:{port}", "--log-level", "error")
WORKERS = (*GUNICORN, "--workers", "2")
SERVERS = {
    "uvicorn": (*UVICORN, f"{SHOP}:fastapi"),
    "uvicorn, 2 workers": (*UVICORN, *PATIENT, "--workers", "2", f"{SHOP}:starlette"),
    "uvicorn, reload": (*UVICORN, "--reload", f"{SHOP}:wrapped"),
    "uvicorn, callable": (*UVICORN, f"{SHOP}:asgi"),
    "uvicorn, WSGI": (*WSGI, f"{SHOP}:wsgi"),
    "uvicorn, Flask": (*WSGI, f"{SHOP}:flask"),
    "uvicorn, Flask below Starlette": (*UVICORN, f"{SHOP}:outer"),
    "uvicorn, Django": (*UVICORN, f"{DJANGO}:asgi"),
    "gunicorn, Flask": (*WORKERS, f"{SHOP}:flask"),
    "gunicorn, preload": (*WORKERS, "--preload", f"{SHOP}:flask"),
    "gunicorn, callable": (*WORKERS, f"{SHOP}:wsgi"),
    "gunicorn, Django": (*WORKERS, f"{DJANGO}:wsgi"),
    "gunicorn, gevent": (*GUNICORN, "--worker-class", "gevent", f"{DJANGO}:wsgi"),
    "gunicorn, uvicorn": (
        *(*WORKERS, "--worker-class", "uvicorn_worker.UvicornWorker"),
        f"{SHOP}:fastapi",
    ),
    "Django, runserver": (DJANGO, "runserver", "{port}"),
}
BY_OPENTELEMETRY = (
    *("uvicorn, 2 workers", "uvicorn, callable", "uvicorn, Django"),
    *("gunicorn, Flask", "gunicorn, Django", "gunicorn, uvicorn"),
)
LAUNCHED = [
    *((RUN, kind, "") for kind in SERVERS),
    *((OPENTELEMETRY, kind, "") for kind in BY_OPENTELEMETRY),
    *((RUN, kind, "line") for kind in ("gunicorn, Flask", "gunicorn, Django")),
    *((RUN, kind, "settings") for kind in ("uvicorn", "uvicorn, callable", "gunicorn, callable")),
    *((OPENTELEMETRY, kind, "settings") for kind in ("uvicorn", "gunicorn, Flask")),
]
QUICK = [
    *((RUN, kind, "") for kind in ("gunicorn, Flask", "gunicorn, Django")),
    *((way, "uvicorn", "settings") for way in (RUN, OPENTELEMETRY)),
]


def case(launcher, kind, line):
    way = "run" if launcher is RUN else "opentelemetry"
    marks = () if (launcher, kind, line) in QUICK else [pytest.mark.once]
    name = f"{way}, {kind}{line and ', with ' + line}"
    return pytest.param(launcher, kind, line, id=name, marks=marks)


@pytest.mark.parametrize(("launcher", "kind", "line"), [case(*each) for each in LAUNCHED])
def test_every_request_is_counted_once(launcher, kind, line, serve, monkeypatch):
    """Also where the application has a line of its own, or one with settings of its own."""
    if line:
        monkeypatch.setenv("LINE", line)
    server = serve(*launcher, *SERVERS[kind])
    before = counted(server)  # by whoever waited for the server
    for _ in range(REQUESTS):  # each on a connection of its own, so that every worker gets some
        httpx.get(f"{server.url}/pid").raise_for_status()
    assert {counted(server) for _ in range(6)} == {before + REQUESTS}


def counted(server):
    return total(httpx.get(f"{server.url}/metrics").raise_for_status().content, COUNT)
