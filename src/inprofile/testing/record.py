"""Records every trace of a block of code, and the block itself."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field

from inprofile.core.model import Finding, Trace
from inprofile.doors.block import Block
from inprofile.runtime import DETECTORS, observed

NONE = (
    "no trace was recorded: was the application given to inprofile.instrument(), did the request "
    "or job end inside of the block, and is inprofile not switched off?"
)

_innermost: ContextVar["Recorded | None"] = ContextVar("inprofile_recorded", default=None)


@dataclass(slots=True)
class Recorded:
    """What was recorded; ``traces`` in the order in which they finished.

    ``block`` is what ran in the block outside of any request or job.
    """

    traces: list[Trace] = field(default_factory=list)
    block: Trace | None = field(default=None, compare=False)
    outer: "Recorded | None" = field(default=None, compare=False, repr=False)
    lasts: bool = field(default=True, compare=False, repr=False)

    @property
    def trace(self) -> Trace:
        """The only trace. Raises AssertionError when there is none or more than one."""
        if not self.traces:
            raise AssertionError(NONE)
        if len(self.traces) > 1:
            message = f"expected one trace, there are {len(self.traces)}: {self.traces}"
            raise AssertionError(message)
        return self.traces[0]

    @property
    def findings(self) -> list[Finding]:
        """What the detectors say about the traces and the block."""
        traces = [*self.traces, *([] if self.block is None else [self.block])]
        return [finding for trace in traces for detect in DETECTORS for finding in detect(trace)]

    def take(self, trace: Trace) -> None:
        """Take a finished trace, unless it is another recording's: one that its task has begun."""
        owner = _innermost.get()
        while owner is not None and owner is not self:
            owner = owner.outer
        if owner is self or _innermost.get() is None:
            self.traces.append(trace)


@contextlib.contextmanager
def record() -> Iterator[Recorded]:
    """Record every trace that finishes inside of the block, in full, and the block itself.

    Starts inprofile for the block when it is not running. Traces are kept here and not
    stored. Of several recordings at once each has what its own task or thread did, and what
    was done by those that record nothing.
    """
    outer = _innermost.get()
    recorded = Recorded(outer=outer)
    _innermost.set(recorded)
    try:
        with observed(recorded.take) as runtime, Block(runtime.recorder) as recorded.block:
            yield recorded
    finally:
        recorded.lasts = False
        innermost = _innermost.get()
        while innermost is not None and not innermost.lasts:
            innermost = innermost.outer
        _innermost.set(innermost)
