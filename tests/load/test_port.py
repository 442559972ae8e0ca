"""The metrics' own port under real servers: one worker has it, and after its death another one."""

import os
import re
import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.exporters.exposed import COUNT, total
from tests.servers import free_port

FASTAPI = ("gunicorn", "tests.load.shop:app", "--worker-class", "uvicorn_worker.UvicornWorker")
FLASK = ("gunicorn", "tests.load.wsgi_shop:app", "--worker-class", "sync")
MORE = ("--bind", "127.0.0.1:{port}", "--workers", "3", "--log-level", "critical")
SERVERS = {
    "uvicorn": (
        *("uvicorn", "tests.load.shop:app", "--port", "{port}"),
        *("--workers", "3", "--log-level", "critical"),
    ),
    "uvicorn worker": (*FASTAPI, *MORE),
    "sync, preload": (*FLASK, *MORE, "--preload"),
}


def elected(base):
    """The process that has the role, as the kernel knows it."""
    (lock,) = base.glob("*/port.lock")
    of = rf"FLOCK +ADVISORY +WRITE (\d+) \S+:{lock.stat().st_ino} "
    return [int(pid) for pid in re.findall(of, Path("/proc/locks").read_text())]


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="reads /proc")
@pytest.mark.parametrize("kind", SERVERS)
def test_whoever_dies_all_requests_are_at_the_port(serve, base, monkeypatch, kind):
    monkeypatch.setenv("INPROFILE_METRICS_PORT", str(port := free_port()))
    monkeypatch.setenv("INPROFILE_METRICS_PATH", "")
    server = serve(*SERVERS[kind])
    asked, served = 0, []
    for _ in range(3):
        for _ in range(20):
            httpx.get(f"{server.url}/pid", timeout=30).raise_for_status()
            asked += 1
        read_until(port, lambda count, asked=asked: count >= asked)
        (pid,) = elected(base)
        served.append(pid)
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.5)  # what is in its queue ends with it
        server.wait("/pid")
    read_until(port, lambda count: count > asked)
    assert len(set(served)) == 3


def read_until(port, is_enough, limit_s=60):
    """Ask for the requests that are counted until they are enough."""
    deadline = time.monotonic() + limit_s
    count = None
    while time.monotonic() < deadline:
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=20)
        except httpx.TransportError:  # nobody has taken it over yet
            time.sleep(0.05)
            continue
        count = total(answer.raise_for_status().content, COUNT, http_route="/pid")
        if is_enough(count):
            return
    raise AssertionError(f"the port tells of {count} requests")
