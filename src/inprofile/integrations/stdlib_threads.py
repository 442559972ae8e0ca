"""Threads and pools of them: where they are given their work, which a loop may do."""

import sys
import threading
from collections.abc import Callable
from functools import wraps
from types import FrameType
from typing import Any, NamedTuple
from weakref import ref

from inprofile.core.awaiting import handed, waits
from inprofile.core.frames import Stand, stand
from inprofile.core.guard import guard
from inprofile.core.model import Trace
from inprofile.core.recorder import recording
from inprofile.integrations._about import About
from inprofile.integrations._patch import Patch
from inprofile.integrations._signature import Function


class _Given(NamedTuple):
    """Where work was given to a thread, and by which trace."""

    stand: Stand
    trace: "ref[Trace]"


class _Handed:
    """A function for a thread, which knows meanwhile where it was given that."""

    __slots__ = ("function", "given")

    def __init__(self, function: Callable[..., Any], given: _Given) -> None:
        self.function = function
        self.given = given

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        before = vars(handed).copy()
        vars(handed).update(self.given._asdict())
        try:
            return self.function(*args, **kwargs)
        finally:
            vars(handed).clear()
            vars(handed).update(before)


def _here(frame: FrameType) -> _Given | None:
    """Where the work is given, in a trace; whoever waits for a thread by ``waits`` is known."""
    span = recording()
    if span is None or waits.get() is not None:
        return None
    with guard:
        trace = span.trace
        trace.foreign = trace.foreign or {}
        return _Given(stand(frame, trace.foreign)[0], ref(trace))
    return None


def _submit(original: Function) -> Function:
    @wraps(original)
    def submit(self: Any, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        here = _here(sys._getframe(1))  # noqa: SLF001 - the line that gives the work
        work = fn if here is None else _Handed(fn, here)
        return original(self, work, *args, **kwargs)

    return submit


_starts: dict[int, tuple[threading.Thread, _Given]] = {}
"""Threads that are about to begin, by their identity: they may be of a class of the user's."""


def _start(original: Function) -> Function:
    @wraps(original)
    def start(self: threading.Thread) -> None:
        here = _here(sys._getframe(1))  # noqa: SLF001 - the line that starts it
        if here is None:
            return original(self)
        _starts[id(self)] = self, here
        try:
            return original(self)
        finally:
            _starts.pop(id(self), None)

    return start


def _bootstrap(original: Function) -> Function:
    """Runs in the thread, before ``start`` returns and until the thread ends."""

    @wraps(original)
    def bootstrap(self: threading.Thread) -> None:
        known = _starts.get(id(self))
        if known is not None:
            vars(handed).update(known[1]._asdict())
        del known
        return original(self)

    return bootstrap


ABOUT = About(
    "threading, concurrent.futures",
    "stdlib",
    "nothing: which loop gives threads their work, for findings",
)

PATCHES = {
    "concurrent.futures.thread": (Patch("ThreadPoolExecutor.submit", _submit),),
    "threading": (
        Patch("Thread.start", _start),
        Patch("Thread._bootstrap_inner", _bootstrap, optional=True),
    ),
}
