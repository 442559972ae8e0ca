"""Fixtures of the analysis's tests: a group, its workers and the facts about it."""

import pytest

from tests.analysis.group import Group


@pytest.fixture
def group(tmp_path):
    """An empty group, whose workers end with the test."""
    made = Group(tmp_path / "shop")
    yield made
    made.end()
