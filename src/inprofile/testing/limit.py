"""``max_queries``: how many queries a block of a test may run."""

from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

import pytest

from inprofile.core.block import EitherWay
from inprofile.testing.recording import Recorded, record
from inprofile.testing.shown import Shown
from inprofile.testing.statements import Statement, statements, too_many

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


class Limit(EitherWay):
    """At most ``most`` queries in a ``with`` or ``async with`` block; fails the test above that.

    Without a block it is about everything from its making to the end of the test; made in a
    fixture, about the test. What connects, begins, commits or sets something is no query, a
    server's cursor is one.
    """

    def __init__(
        self,
        most: int,
        recorded: Recorded | None,
        shown: Shown,
        exceeded: Callable[[str], None],
    ) -> None:
        self.most = most
        self.is_entered = False
        self._recorded = recorded
        self._own: AbstractContextManager[Recorded] | None = None
        self._shown = shown
        self._exceeded = exceeded
        self._before = _statements(recorded)

    def excess(self, recorded: Recorded | None) -> str:
        """What to say when there are too many in ``recorded``; nothing when there are not."""
        found = _statements(recorded) - self._before
        return too_many(found, self.most, self._shown) if found.total() > self.most else ""

    def __enter__(self) -> Self:
        self.is_entered = True
        if self._recorded is None:  # in a fixture, outside of the test's own recording
            self._own = record()
            self._recorded = self._own.__enter__()
        self._before = _statements(self._recorded)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        __tracebackhide__ = True
        own, self._own = self._own, None
        if own is not None:
            own.__exit__(kind, error, traceback)
        said = "" if kind is not None else self.excess(self._recorded)
        if own is not None:
            self._recorded = None
        if said:
            self._exceeded(said)
            pytest.fail(said)


def _statements(recorded: Recorded | None) -> Counter[Statement]:
    return Counter() if recorded is None else statements(recorded.all)
