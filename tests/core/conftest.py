"""Fixtures of the core's tests: virtual time, and a recorder that shows what it finished."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings

from inprofile.core.recorder import Recorder, current
from tests.core.fake_clock import FakeClock
from tests.guarded import nothing_fails

# A busy machine is slow, and that says nothing about the code.
settings.register_profile("core", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("core")


@pytest.fixture(autouse=True)
def _clean_context() -> Iterator[None]:
    """Each test starts outside of a trace, and errors of ours never pass unseen."""
    token = current.set(None)
    with nothing_fails():
        yield
    current.reset(token)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def taken() -> SimpleNamespace:
    """What the recorder gave away: ``sunk`` every finished trace, ``kept`` the kept ones."""
    return SimpleNamespace(sunk=[], kept=[])


@pytest.fixture
def recorder(clock, taken) -> Recorder:
    """A recorder on virtual time that keeps nothing by chance."""
    return Recorder(sink=taken.sunk.append, keep=taken.kept.append, clock=clock)
