"""What every test gets: an environment of its own, and a look at what it left behind."""

import os
import sys
import threading

import pytest

pytest_plugins = ["tests.servers"]


@pytest.fixture(autouse=True)
def alone(tmp_path_factory, monkeypatch):
    """No settings but a directory of the test's own; fails on a leftover of ours."""
    for name in [name for name in os.environ if name.startswith(("INPROFILE_", "OTEL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("INPROFILE_DIR", str(tmp_path_factory.mktemp("groups") / "base"))
    yield
    runtime = sys.modules.get("inprofile.runtime")
    if runtime is None:
        return
    from inprofile.core.recorder import current

    runtime.uninstrument()
    assert [thread.name for thread in threading.enumerate() if "inprofile" in thread.name] == []
    assert current.get() is None, "a span is still current"


@pytest.fixture
def recorded():
    """Record every trace of the test."""
    from inprofile.testing import record

    with record() as recorded:
        yield recorded
