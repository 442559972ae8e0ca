"""Adds up what the dead have left, now and then: a scrape would have to read all of it."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from inprofile.core.slots import fold

EVERY_S = 5.0
"""How long the file of a worker that has died is read beside those of the living."""


class Folding:
    """Called often, it folds the group's ``directory`` every so often."""

    def __init__(
        self, directory: Path, bounds: Sequence[int], clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._directory = directory
        self._bounds = bounds
        self._clock_s = clock_s
        self._folded_s = clock_s()

    def __call__(self) -> None:
        """Fold if it is time to."""
        now_s = self._clock_s()
        if now_s - self._folded_s >= EVERY_S:
            self._folded_s = now_s
            fold(self._directory, self._bounds, anew=False)
