"""Fixtures of the exporters' tests: one worker on virtual time."""

import pytest

from tests.exporters.sources import Fed


@pytest.fixture
def fed():
    made = Fed()
    yield made
    made.close()
