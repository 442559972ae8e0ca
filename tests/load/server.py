"""Supervisors with workers, which end with the test that starts them."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

REPOSITORY = Path(__file__).parents[2]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """A supervisor with workers, stopped at the end of the test."""

    def __init__(self, command, url, log):
        self.url = url
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                start_new_session=True,
            )

    def wait(self, path):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                return httpx.get(f"{self.url}{path}").raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.1)
        pytest.fail(f"the server did not answer:\n{self.log.read_text()[-2000:]}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@pytest.fixture
def serve(tmp_path):
    servers = []

    def start(*command, path="/pid"):
        port = free_port()
        module = [str(part).format(port=port) for part in command]
        server = Server(
            [sys.executable, "-m", *module], f"http://127.0.0.1:{port}", tmp_path / "log"
        )
        servers.append(server)
        server.wait(path)
        return server

    yield start
    for server in servers:
        server.stop()
