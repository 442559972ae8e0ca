"""Fixtures of the command line's tests: a group that a real app has left, and the command."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from inprofile.cli.main import run
from tests import child
from tests.analysis.group import Group

APP = """
import asyncio, json, logging
import httpx
from fastapi import FastAPI
import inprofile

app = FastAPI()
inprofile.instrument(app)

@app.get("/orders/{order_id}")
async def show_order(order_id: int) -> dict[str, int]:
    logging.getLogger("shop").warning("order")
    return {"order": 1 // order_id}

async def main():
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        statuses = [(await client.get(f"/orders/{i}")).status_code for i in range(4)]
        statuses.append((await client.get("/nothing")).status_code)
    print(json.dumps(statuses))

asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    """Settings and terminals of whoever runs the tests do not count."""
    for name in (*os.environ, "FORCE_COLOR", "NO_COLOR", "COLUMNS", "TERM"):
        if name.startswith("INPROFILE_") or name in {"FORCE_COLOR", "NO_COLOR", "COLUMNS", "TERM"}:
            monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def app_base(tmp_path_factory) -> Path:
    """The directory in which a FastAPI app of one process has left its group."""
    base = tmp_path_factory.mktemp("app") / "base"
    kept = {"INPROFILE_SAMPLE_RATE": "0", "INPROFILE_SLOW_MS": "1e9"}  # the one that fails alone
    statuses = child.run(APP, INPROFILE_DIR=base, INPROFILE_GROUP="shop", **kept)
    assert statuses == [500, 200, 200, 200, 404]
    return base


@pytest.fixture
def group(tmp_path) -> Iterator[Group]:
    """A group in ``tmp_path``, whose workers end with the test."""
    made = Group(tmp_path / "live")
    yield made
    made.end()


@pytest.fixture
def inprofile(capsys):
    """Run the command in this process: its exit code, output and errors."""

    def call(*arguments):
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def shell():
    """Run a shell command in which ``inprofile`` is the command line in a process of its own."""

    def call(command, before="", **variables):
        program = f"{before}\nimport sys\nfrom inprofile.__main__ import main\nsys.exit(main())"
        variables["PROGRAM"] = program
        command = command.replace("inprofile", f'"{sys.executable}" -W error -c "$PROGRAM"', 1)
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            env=child.environment(**variables),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return call
