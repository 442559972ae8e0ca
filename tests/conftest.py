"""What every test gets: an environment of its own, and a look at what it left behind."""

import asyncio
import logging
import os
import signal
import sys
import threading

import pytest

from inprofile.core.recorder import current

pytest_plugins = ["tests.servers", "tests.load.server", "tests.otlp"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what it runs in the background like this, and our children would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def alone(request, tmp_path_factory, monkeypatch):
    """No settings but a directory of the test's own; fails on a leftover of ours."""
    for name in [name for name in os.environ if name.startswith(("INPROFILE_", "OTEL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("INPROFILE_DIR", str(tmp_path_factory.mktemp("groups") / "base"))
    # How busy the machine is, and when garbage is collected, is no finding or stage of a test's
    # but where that is what it is about: tests/loop.
    monkeypatch.setenv("INPROFILE_LOOP_BLOCK_MS", "60000")
    if "loop" not in request.path.parts:
        monkeypatch.setattr("inprofile.loop.garbage.Garbage.start", lambda _garbage: None)
    process = sys.modules.get("inprofile.process")
    assert process is None or process.running() is None, "something is measured before the test"
    yield
    process = sys.modules.get("inprofile.process")
    if process is not None:
        process.uninstrument()
    policy = getattr(asyncio.events, "_event_loop_policy", None)
    if type(policy).__module__.startswith("uvloop"):
        asyncio.set_event_loop_policy(None)
        pytest.fail("every later test would run on uvloop")
    ours = logging.getLogger("inprofile")
    assert ours.isEnabledFor(logging.WARNING), (ours.level, ours.disabled, ours.manager.disable)
    left = current.get()
    current.set(None)
    assert left is None, "a span is still current"
    assert [thread.name for thread in threading.enumerate() if "inprofile" in thread.name] == []


@pytest.fixture
def _switching_often():
    """Threads take turns as often as the interpreter lets them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def base(tmp_path, monkeypatch):
    """Where this test's groups live."""
    directory = tmp_path / "base"
    monkeypatch.setenv("INPROFILE_DIR", str(directory))
    return directory


@pytest.fixture
def group(base, monkeypatch):
    """The directory of this test's one group."""
    monkeypatch.setenv("INPROFILE_GROUP", "shop")
    return base / "shop"


@pytest.fixture
def recorded():
    """Record every trace of the test."""
    from inprofile.testing import record

    with record() as recorded:
        yield recorded
