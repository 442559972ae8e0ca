"""Fixtures of the loop's tests: what the blocks wait for, and settings as people have them."""

import sys
from importlib import import_module
from pathlib import Path

import pytest
from django.core.asgi import get_asgi_application
from django.test import override_settings

import inprofile
from tests.guarded import nothing_fails
from tests.loop import blocks, fastapi_blocks
from tests.servers import accepts, free_port, private_directory, running

ROOT = Path(__file__).parents[2]

import_module("tests.integrations.django_settings")


@pytest.fixture(autouse=True)
def _defaults(alone, monkeypatch):
    monkeypatch.delenv("INPROFILE_LOOP_BLOCK_MS")
    with nothing_fails():
        yield


@pytest.fixture
def django_app():
    """The Django project of the blocks, with our line in its settings."""
    with override_settings(
        ROOT_URLCONF="tests.loop.django_blocks",
        MIDDLEWARE=["inprofile.django.Middleware", "tests.loop.django_blocks.middleware"],
    ):
        yield get_asgi_application()


@pytest.fixture
def fastapi_app():
    """The FastAPI application of the blocks, instrumented."""
    return inprofile.instrument(fastapi_blocks.app)


@pytest.fixture(scope="session")
def places(tmp_path_factory, postgres_dsn, valkey_address):
    """Everything that the blocks wait for is there."""
    large = tmp_path_factory.mktemp("files") / "large"
    large.write_bytes(bytes(200_000_000))
    port = free_port()
    server = [sys.executable, "-m", "tests.loop.slow_server", str(port), str(blocks.LENGTH_S)]
    blocks.PLACES.update(
        file=str(large),
        dsn=postgres_dsn,
        url=f"http://127.0.0.1:{port}/",
        cache=valkey_address,
    )
    with (
        private_directory() as home,
        running(
            ["env", f"PYTHONPATH={ROOT}", *server], home, None, lambda: accepts(port), stop="TERM"
        ),
    ):
        yield
    large.unlink()
