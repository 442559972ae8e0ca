"""The door for work that no request brings: jobs, and background tasks after a response."""

import sys
from collections.abc import Callable
from threading import get_ident
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from inprofile.core.application import begun
from inprofile.core.block import EitherWay, around
from inprofile.core.model import Span, Trace
from inprofile.core.recorder import BLOCK, Recorder, current

P = ParamSpec("P")
R = TypeVar("R")


class Job(EitherWay):
    """One trace around a ``with`` block or each call of a function, sync or async.

    ``door`` is "job" or "background"; ``recorder`` is asked for when the block begins, None
    means that nothing is measured. Begun inside of a request it is a trace of its own that
    links to it. One object serves one block at a time.
    """

    def __init__(
        self, name: str, recorder: Callable[[], Recorder | None], door: str = "job"
    ) -> None:
        self.name = name
        self.door = door
        self._recorder = recorder
        self._begun: tuple[Recorder, Trace, Span | None, Trace | None] | None = None

    def __enter__(self) -> Self:
        recorder = self._recorder()
        if recorder is not None and recorder.enabled:
            outside = current.get()
            trace = recorder.begin(self.door)
            trace.root.name = self.name
            trace.route = f"{self.door}:{self.name}"
            trace.begun = begun(sys._getframe(1))  # noqa: SLF001 - who began it
            if outside is not None and outside.trace.door != BLOCK:
                trace.link = recorder.identify(outside.trace)
                if recorder.tracing:
                    trace.origin = recorder.context(outside.trace.root)
            loop = trace.event_loop
            interrupted = None if loop is None else loop.goes_to(trace)
            recorder.enter(trace)
            self._begun = recorder, trace, outside, interrupted
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._begun is not None:
            (recorder, trace, outside, interrupted), self._begun = self._begun, None
            recorder.finish(trace, error)
            if interrupted is not None and get_ident() == trace.event_loop.thread:
                trace.event_loop.goes_to(interrupted)
            if trace.leave is not None:
                trace.leave()
            current.set(outside)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        return around(function, lambda: Job(self.name, self._recorder, self.door))
