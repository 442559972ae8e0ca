"""Django's settings, of which a process has only one; and no error of ours passes unseen.

How fast the machine is is nothing that these tests are about: no query is slow. Nor is where a
driver runs: many of these applications have a synchronous one on an event loop.
"""

from collections.abc import Iterator
from importlib import import_module

import pytest

from inprofile.core import sync_calls
from inprofile.detectors import slow_query
from tests.guarded import nothing_fails

import_module("tests.integrations.django_settings")


@pytest.fixture(autouse=True)
def _guarded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(slow_query, "THRESHOLD_NS", 1 << 62)
    monkeypatch.setattr(sync_calls, "MAX_CALLS", 0)
    with nothing_fails():
        yield
