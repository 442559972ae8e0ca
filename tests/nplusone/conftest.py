"""Django's settings, of which a process has only one; and no error of ours passes unseen."""

from collections.abc import Iterator
from importlib import import_module

import pytest

from tests.guarded import nothing_fails

import_module("tests.integrations.django_settings")


@pytest.fixture(autouse=True)
def _guarded() -> Iterator[None]:
    with nothing_fails():
        yield
