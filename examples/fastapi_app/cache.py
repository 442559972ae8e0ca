"""Remembers for a second what takes long to compute."""

import time
from collections.abc import Callable
from threading import Lock
from typing import Final, Generic, TypeVar

from examples.shop.fixes import fixed

FRESH_S: Final = 1
Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Cache(Generic[Question, Answer]):
    """One value, computed when it is asked for and has expired."""

    def __init__(self, compute: Callable[[Question], Answer]) -> None:
        """Say how the value is computed."""
        self.compute = compute
        self.value: Answer | None = None
        self.computed_at = 0.0
        self.computing = Lock()

    def get(self, question: Question) -> Answer:
        """Return the value; several threads may ask at once."""
        value = self.value
        if value is not None and time.monotonic() < self.computed_at + FRESH_S:
            return value
        if not fixed("cache_stampede"):
            return self.refresh(question)
        if not self.computing.acquire(blocking=value is None):
            return value  # someone else is at it
        try:
            return self.refresh(question)
        finally:
            self.computing.release()

    def refresh(self, question: Question) -> Answer:
        """Compute and remember the value."""
        self.value = value = self.compute(question)
        self.computed_at = time.monotonic()
        return value
