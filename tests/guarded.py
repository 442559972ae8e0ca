"""Errors of ours are swallowed in an app; in a test they never pass unseen."""

from collections.abc import Iterator
from contextlib import contextmanager

from inprofile.core.guard import guard


@contextmanager
def nothing_fails() -> Iterator[None]:
    """Fail where the guard has swallowed an error; a test that wants one takes it back."""
    guard.errors, guard.last = 0, ""
    guard._logged.clear()
    yield
    errors, guard.errors = guard.errors, 0
    assert errors == 0, f"the guard swallowed {errors} errors, the last one {guard.last}"
