"""A shop in processes of its own: seeded, served, and stopped at the end of the block."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.load.server import REPOSITORY, free_port

PATIENCE_S = 60
GUNICORN = (
    *("gunicorn", "examples.django_app.wsgi:application", "--bind", "127.0.0.1:{port}"),
    *("--worker-class", "gthread", "--threads", "16"),
)
UVICORN = ("uvicorn", "examples.django_app.asgi:application", "--port", "{port}")
STATEMENTS = re.compile(r"^db_client_operation_duration_seconds_count\{.*\} (\S+)$", re.MULTILINE)


@dataclass
class Shop:
    """A running shop, its client and its files."""

    client: httpx.Client
    database: Path
    log: Path
    env: dict[str, str] = field(repr=False)

    def get(self, path: str) -> object:
        """Return what this address answers as JSON."""
        return self.client.get(path).raise_for_status().json()

    def statements(self) -> float:
        """Return how many statements the shop has sent so far, as its metrics tell."""
        return sum(float(count) for count in STATEMENTS.findall(self.client.get("/metrics").text))

    def manage(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run one of the shop's commands."""
        return manage(words, self.env | env)


def manage(words: tuple[str, ...], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run manage.py to its end."""
    return subprocess.run(
        [sys.executable, "-m", "examples.django_app.manage", *words],
        cwd=REPOSITORY,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def environment(place: Path, **env: str) -> dict[str, str]:
    """Return the environment of a shop whose files are in this directory."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SHOP_", "INPROFILE_", "OTEL_"))
    }
    return inherited | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "SHOP_DATABASE": str(place / "shop.sqlite3"),
        "INPROFILE_DIR": str(place / "inprofile"),
        **env,
    }


@contextmanager
def serving(place: Path, command: tuple[str, ...], **env: str) -> Iterator[Shop]:
    """Seed a shop and serve it until the block ends."""
    environ = environment(place, **env)
    seeded = manage(("seed",), environ)
    assert seeded.returncode == 0, seeded.stderr
    port = free_port()
    words = [word.format(port=port) for word in command]
    log = place / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=REPOSITORY,
            env=environ,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S, trust_env=False
        ) as client:
            await_answer(client, server, log)
            yield Shop(client, place / "shop.sqlite3", log, environ)
    finally:
        server.terminate()
        server.wait(PATIENCE_S)


def await_answer(client: httpx.Client, server: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the shop is healthy."""
    end = time.monotonic() + PATIENCE_S
    while True:
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        try:
            client.get("/health").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
