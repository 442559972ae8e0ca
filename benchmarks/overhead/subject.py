"""What is measured: an application, the request that is made of it, and whoever asks."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol

from benchmarks.overhead.driver import Batch, Driver

QUERIES, LOOPED, DIFFERENT = 10, 200, 20
"""How many queries a request runs: a few, one for each of many rows, and each another."""

STEPS = 100
"""How often a request is suspended, and goes on with a step more."""


class Asks(Protocol):
    """A driver of either kind of application."""

    requests: int

    def answer(self) -> int:
        """Send one request and return a checksum of its response."""

    def batch(self, requests: int) -> Batch:
        """Time so many requests."""

    def close(self) -> None:
        """Let go of what asking took."""


@dataclass(frozen=True, slots=True)
class Subject:
    """An application under test.

    ``driver`` makes who asks it for a path, when all that watches is in place. ``app`` and
    ``engine`` are FastAPI's and SQLAlchemy's; Django has its settings instead. ``queries`` are
    those of a request.
    """

    framework: Literal["fastapi", "django"]
    driver: Callable[[str], Asks]
    app: Any = None
    engine: Any = None
    queries: int = 0


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of request: ``batch`` of them, the same for all variants, are timed at once.

    ``base`` is the scenario to which the ``queries`` or the ``steps`` were added. ``memory_paths``
    are asked after the timing, for the memory that one request takes: by number of chunks.
    """

    name: str
    title: str
    path: str
    build: Callable[[], Subject]
    batch: int
    queries: int = 0
    steps: int = 0
    base: str = "nothing"
    memory_paths: tuple[tuple[int, str], ...] = ()


def fastapi(app: Any, engine: Any = None, queries: int = 0) -> Subject:
    """Return a FastAPI application as a subject."""
    return Subject("fastapi", partial(Driver, app), app, engine, queries)
