"""Four workers that are killed and reloaded under load, and scrapes of whichever answers.

The half hour that is run by hand: SOAK_S=1800 pytest -s -o faulthandler_timeout=0
"""

import os
import random
import signal
import time
from contextlib import suppress

import httpx
import pytest

from tests.load.k6 import load
from tests.load.scrapes import FORMATS, Watched, scrape, workers

SOAK_S = float(os.environ.get("SOAK_S", "5"))
KILL_S, RELOAD_S = min(2.0, SOAK_S / 5), min(15.0, SOAK_S / 3)
SCRAPE_S = 0.05
COUNT = "http_server_request_duration_seconds_count"

THREADS = 4


def gunicorn(app, kind, *more):
    return (
        *("gunicorn", app, "--bind", "127.0.0.1:{port}", "--workers", "4"),
        *("--worker-class", kind, "--log-level", "critical", *more),
    )


FLASK, FASTAPI = "tests.load.wsgi_shop:app", "tests.load.shop:app"
UVICORN_WORKER = "uvicorn_worker.UvicornWorker"
GTHREAD = (FLASK, "gthread", "--threads", str(THREADS))
SERVERS = {
    "sync": gunicorn(FLASK, "sync"),
    "sync, preload": gunicorn(FLASK, "sync", "--preload"),
    "gthread": gunicorn(*GTHREAD),
    "gthread, preload": gunicorn(*GTHREAD, "--preload"),
    "uvicorn worker": gunicorn(FASTAPI, UVICORN_WORKER),
    "uvicorn worker, preload": gunicorn(FASTAPI, UVICORN_WORKER, "--preload"),
    "uvicorn": ("uvicorn", FASTAPI, "--port", "{port}", "--log-level", "critical", "--workers=4"),
}


class Trouble:
    """Kills a worker at random now and then, and reloads all of them less often."""

    def __init__(self, server):
        self._server = server
        self._drawn = random.Random(1)
        self._kill_at = time.monotonic() + KILL_S
        self._reload_at = time.monotonic() + RELOAD_S
        self.kills = self.reloads = 0

    def cause(self):
        now = time.monotonic()
        if now >= self._reload_at:
            self._reload_at = now + RELOAD_S
            self._server.process.send_signal(signal.SIGHUP)
            self.reloads += 1
        elif now >= self._kill_at:
            alive = workers(self._server.url)
            if len(alive) > 1:
                self._kill_at = now + self._drawn.uniform(0.5, 1.5) * KILL_S
                with suppress(ProcessLookupError):
                    os.kill(self._drawn.choice(alive), signal.SIGKILL)
                    self.kills += 1


def patient_scrape(server):
    """One scrape, also where the worker that would answer has just been told to go."""
    server.wait("/metrics")
    for _ in range(100):
        with suppress(httpx.HTTPError):
            return scrape(server.url)
    raise AssertionError("no scrape came through")


@pytest.mark.once
@pytest.mark.parametrize("kind", SERVERS)
def test_no_counter_goes_backwards_and_no_request_is_lost_or_counted_twice(
    serve, base, tmp_path, monkeypatch, kind
):
    """A request in flight in a killed worker may have finished there or not, and what had just
    sent its last byte may not have been counted: at most one in each thread that was killed.
    """
    monkeypatch.setenv("INPROFILE_SAMPLE_RATE", "0.2")
    server = serve(*SERVERS[kind])
    watched, trouble, missed = Watched(), Trouble(server), 0
    watched.take(scrape(server.url))
    before = watched.total(COUNT, http_route="/pid")
    asked = f"{server.url}/pid"
    with load(asked, tmp_path, f"duration={SOAK_S}s", users=8, pause_s=0.05) as requests:
        until = time.monotonic() + SOAK_S
        while time.monotonic() < until:
            try:
                watched.take(scrape(server.url, FORMATS[watched.scrapes % len(FORMATS)]))
                trouble.cause()
            except httpx.HTTPError:  # that worker was killed
                missed += 1
            time.sleep(SCRAPE_S)
        whole, broken = requests.ended()
    watched.take(patient_scrape(server))
    counted = watched.total(COUNT, http_route="/pid") - before
    files = [path.name for path in base.glob("*/*.cells")]
    print(
        f"{kind}, {SOAK_S:g} s: {watched.scrapes} scrapes and {missed} that a kill broke, "
        f"{trouble.kills} kills, {trouble.reloads} reloads; of the requests {whole} arrived, "
        f"{broken} did not, {counted:.0f} were counted; {len(files)} files"
    )
    assert trouble.kills
    assert trouble.reloads
    assert whole - THREADS * trouble.kills <= counted <= whole + broken
    assert watched.total("inprofile_errors_total") == 0
    assert len(list(base.iterdir())) == 2, "more than the group and the base's lock"
