"""Real servers, which end with the test."""

import sys

import pytest

from tests.load.server import Server, free_port


@pytest.fixture
def serve(tmp_path):
    servers = []

    def start(*command, path="/pid"):
        port = free_port()
        module = [part.format(port=port) for part in command]
        server = Server(
            [sys.executable, "-m", *module], f"http://127.0.0.1:{port}", tmp_path / "log"
        )
        servers.append(server)
        server.wait(path)
        return server

    yield start
    for server in servers:
        server.stop()
