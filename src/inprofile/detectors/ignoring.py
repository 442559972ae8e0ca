"""``inprofile.ignore``: what runs inside of a block is not judged."""

import inspect
import sys
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, Self, TypeVar, cast

from inprofile.core.block import EitherWay, around
from inprofile.core.model import Location
from inprofile.core.recorder import recording
from inprofile.core.repeats import ignoring
from inprofile.patterns import KINDS, BadPattern, parse

if TYPE_CHECKING:
    from contextvars import ContextVar

P = ParamSpec("P")
R = TypeVar("R")

NOTICED = KINDS[:5]
"""Kinds that come of operations noticed while they run, which a block can be around."""


class Scope(NamedTuple):
    """A block that is ignored: its patterns as text (none are all), and where it was written."""

    patterns: tuple[str, ...]
    place: Location
    outer: "Scope | None" = None

    def outwards(self) -> "Iterator[Scope]":
        """The block and those around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope._replace(outer=None)
            scope = scope.outer

    def __str__(self) -> str:
        return f"inprofile.ignore({', '.join(map(repr, self.patterns))})"


class Ignore(EitherWay):
    """Context manager and decorator, sync and async: what runs inside is not judged.

    No finding of it is reported that fits one of ``patterns`` (kinds such as "n_plus_one",
    relations such as "Post.*", and what else INPROFILE_IGNORE takes), and none at all without
    patterns. Holds for this task, and for the tasks and threads that it starts. Costs a
    microsecond. One object serves one block at a time; as a decorator it makes a fresh one for
    every call. Raises ValueError for what is no pattern, or a kind that does not come of a loop:
    those are ignored by settings.
    """

    __slots__ = ("_outer", "_scope")

    def __init__(self, *patterns: str) -> None:
        for each in patterns:
            _check(each)
        frame = sys._getframe(1)  # noqa: SLF001 - where it was written, to say so when it is stale
        code = frame.f_code
        place = Location(code.co_filename, frame.f_lineno, code.co_name)
        self._scope = Scope(patterns, place)
        self._outer: Scope | None = None

    def __enter__(self) -> Self:
        self._outer = _scope.get()
        _scope.set(self._scope._replace(outer=self._outer))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _scope.set(self._outer)
        span = recording()
        if error is None and span is not None and span.trace.recorder.thorough:
            vars(span.trace).setdefault("scopes", set()).add(self._scope)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            message = (
                f"{function.__qualname__} is a generator, whose consumer would be ignored as well. "
                "Use 'with inprofile.ignore(...)' around the loop inside of it."
            )
            raise TypeError(message)
        return around(function, self._again)

    def _again(self) -> "Ignore":
        again = Ignore()
        again._scope = self._scope
        return again


def _check(text: str) -> None:
    try:
        pattern = parse(text)
    except BadPattern as error:
        raise ValueError(f"inprofile.ignore({text!r}): {error}") from None
    for term in pattern.terms:
        if term.field == "kind" and not any(map(term.fits, NOTICED)):
            message = (
                f"inprofile.ignore({text!r}): a block can ignore {', '.join(NOTICED)}; for "
                f"others set INPROFILE_IGNORE, as in INPROFILE_IGNORE='{text} route:/admin/*'"
            )
            raise ValueError(message)


_scope = cast("ContextVar[Scope | None]", ignoring)
"""The innermost block of this task or thread."""
