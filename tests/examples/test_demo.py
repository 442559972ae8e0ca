"""The demo from start to end, and that nothing of it is left behind."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60


class Run:
    """One demo whose temporary files, and so whose processes, can be told from all others."""

    def __init__(self, directory, *arguments, **env):
        self.directory = directory
        self.process = subprocess.Popen(
            [sys.executable, "-m", "examples.demo", *arguments],
            cwd=ROOT,
            env=os.environ | {"TMPDIR": str(directory)} | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.output = self.process.stdout

    def read_to(self, start):
        """Read lines until one starts like this, and return it."""
        for line in self.output:
            if line.startswith(start):
                return line
        pytest.fail(f"the demo ended before it said {start!r}")

    def await_process(self, word):
        """Wait until a process of this run has the word in its command line."""
        end = time.monotonic() + PATIENCE_S
        while not any(word in command for command in self.commands()):
            assert time.monotonic() < end
            time.sleep(0.01)

    def end(self):
        """Wait for the end, and return the exit code and the rest of the output."""
        output = self.output.read()
        return self.process.wait(PATIENCE_S), output

    def commands(self):
        """Return the command lines of the processes that belong to this run."""
        mark = f"TMPDIR={self.directory}\0".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_text().split("\0"))
            except OSError:
                continue  # it ended meanwhile, or is someone else's
        return found

    def leftovers(self):
        """Return what should not be there after the end: processes and files."""
        return [*self.commands(), *self.directory.iterdir()]


@pytest.fixture
def demo(tmp_path, monkeypatch):
    """Start a demo with these arguments."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("needs /proc to see which processes are left")
    monkeypatch.delenv("SHOP_FIX", raising=False)
    runs = []

    def start(*arguments, **env):
        runs.append(Run(tmp_path, *arguments, **env))
        return runs[-1]

    yield start
    for run in runs:
        run.process.kill()
        run.process.wait()
        run.output.close()


@pytest.mark.parametrize(
    ("app", "place", "route", "again"),
    [
        ("fastapi", "fastapi_app", "/api/v1/orders/{order_id}", ""),
        ("django", "django_app", "/api/v1/orders/<int:order_id>", " django"),
        ("django-asgi", "django_app", "/api/v1/orders/<int:order_id>", " django-asgi"),
    ],
)
def test_the_demo_drives_traffic_prints_the_report_and_leaves_nothing(
    demo, app, place, route, again
):
    run = demo(app, "--seconds", "1")
    code, output = run.end()
    assert code == 0, output
    assert re.search(rf"^Serving examples/{place} at http://127.0.0.1:\d+ ", output)
    assert re.search(r"^Traffic: [\d,]+ requests, ", output, re.MULTILINE)
    assert "Unexpected" not in output
    assert route in output
    assert output.endswith(f" To keep the app running: scripts/demo{again} --serve\n")
    assert run.leftovers() == []


def test_with_serve_the_app_keeps_running_until_ctrl_c(demo):
    run = demo("--seconds", "0.5", "--serve")
    command = shlex.split(run.read_to("Report:").removeprefix("Report:"))
    report = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (report.returncode, report.stderr) == (0, "")
    run.process.send_signal(signal.SIGINT)
    assert run.end() == (130, "Stop with Ctrl-C.\nStopped by SIGINT\n")
    assert run.leftovers() == []


@pytest.mark.parametrize(
    ("app", "number", "code", "name"),
    [
        ("fastapi", signal.SIGINT, 130, "SIGINT"),
        ("fastapi", signal.SIGTERM, 143, "SIGTERM"),
        ("django", signal.SIGINT, 130, "SIGINT"),
    ],
    ids=["fastapi-SIGINT", "fastapi-SIGTERM", "django-SIGINT"],
)
def test_a_signal_half_way_stops_everything(demo, app, number, code, name):
    run = demo(app, "--seconds", "60")
    run.await_process("examples.demo.driver")
    assert len(run.commands()) >= 5  # the demo, the app with its two workers, the driver
    run.process.send_signal(number)
    returncode, output = run.end()
    assert (returncode, output.splitlines()[-1]) == (code, f"Stopped by {name}")
    assert run.leftovers() == []


def test_a_signal_while_the_app_starts_stops_everything(demo):
    run = demo()
    run.await_process("uvicorn")
    run.process.send_signal(signal.SIGINT)
    assert run.end() == (130, "Stopped by SIGINT\n")
    assert run.leftovers() == []


def test_an_app_that_does_not_start_shows_the_end_of_its_log(demo):
    run = demo("--workers", "1", SHOP_FIX="everything")
    code, output = run.end()
    assert code == 1
    assert output.startswith("scripts/demo: the app failed to start; the end of its log:\n")
    assert "ValueError: SHOP_FIX: unknown everything" in output
    assert run.leftovers() == []


def test_a_port_that_is_taken_is_said_so(demo):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = demo("--port", str(port))
        message = f"scripts/demo: cannot listen on port {port}: Address already in use\n"
        assert run.end() == (1, message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--seconds", "0"), "--seconds: '0' is not a number between 0.1 and 86400"),
        (("--workers", "two"), "--workers: 'two' is not a whole number between 1 and 64"),
        (("--port", "65536"), "--port: '65536' is not a whole number between 1 and 65535"),
        (("rails",), "app: invalid choice: 'rails'"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(demo, arguments, message):
    code, output = demo(*arguments).end()
    assert code == 2
    assert f"scripts/demo: error: argument {message}" in output
