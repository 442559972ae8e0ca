"""Records every trace of a block of code, and the block itself."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field

from inprofile.core.model import Finding, Span, Trace
from inprofile.detectors import places
from inprofile.detectors.judgement import Judgement
from inprofile.doors import stray
from inprofile.doors.block import Block
from inprofile.runtime import Runtime
from inprofile.testing.observing import observed

NONE = (
    "no trace was recorded: was the application given to inprofile.instrument(), did the request "
    "or job end inside of the block, and is inprofile not switched off?"
)

_innermost: ContextVar["Recorded | None"] = ContextVar("inprofile_recorded", default=None)


@dataclass(slots=True)
class Recorded:
    """What was recorded; ``traces`` in the order in which they finished.

    ``block`` is what ran in the block outside of any request or job, ``inner`` what did so in
    recordings inside of this one, and what held up an event loop and was no request's.
    ``unused`` says whether eager loads are looked at.
    """

    traces: list[Trace] = field(default_factory=list)
    block: Trace | None = field(default=None, compare=False)
    unused: bool = field(default=False, compare=False)
    inner: list[Trace] = field(default_factory=list, compare=False, repr=False)
    runtime: Runtime | None = field(default=None, compare=False, repr=False)
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
        """What is found in all of this, but for what settings and sources say to ignore."""
        judge = Judgement() if self.runtime is None else self.runtime.judge
        judge = Judgement(judge.least, judge.ignored, unused=self.unused)
        return [finding for trace in self.judged for finding in judge(trace)]

    @property
    def all(self) -> list[Trace]:
        """The traces, and what ran outside of them."""
        return [*self.traces, *self._blocks]

    @property
    def judged(self) -> list[Trace]:
        """All of it, ready to be judged."""
        for block in self._blocks:
            self._own(block)
        return self.all

    @property
    def _blocks(self) -> list[Trace]:
        return [*self.inner, *([] if self.block is None else [self.block])]

    def _own(self, block: Trace) -> None:
        """A block's requests to an application that is recorded, too, are no calls of a service.

        They drive it, as a test's client does.
        """
        if not self.traces:
            return
        for site in places.sites(block):
            if site.spans[0].kind == "http" and all(map(self._arrived, site.spans)):
                site.facts = site.facts._replace(batch=False)

    def _arrived(self, span: Span) -> bool:
        return any(span.start_ns <= each.root.start_ns <= span.end_ns for each in self.traces)

    def take(self, trace: Trace) -> None:
        """Take a finished trace, unless it is another recording's: one that its task has begun."""
        if trace.door == stray.DOOR:  # nobody's request
            self.inner.append(trace)
            return
        owner = innermost = _lasting()
        while owner is not None and owner is not self:
            owner = owner.outer
        if owner is self or innermost is None:
            self.traces.append(trace)


def record(*, unused: bool = False) -> contextlib.AbstractContextManager[Recorded]:
    """Record every trace that finishes inside of the block, in full, and the block itself.

    Starts inprofile for the block when it is not running. Traces are kept here and not
    stored. Of several recordings at once each has what its own task or thread did, and what
    was done by those that record nothing.

    With ``unused`` an eager load (``select_related``, ``selectinload`` and the like) that nobody
    has read by the end is a finding, too: of kind ``unused_eager_load``, and of low severity. It
    has to be asked for, because a test often looks at fewer of the rows that it loads than a page
    does, and because every read of a relation is looked at meanwhile: it takes microseconds.
    """
    return recording(Recorded(unused=unused))


@contextlib.contextmanager
def recording(recorded: Recorded) -> Iterator[Recorded]:
    """Fill ``recorded`` with what ``record`` says."""
    outer = recorded.outer = _innermost.get()
    _innermost.set(recorded)
    try:
        with (
            observed(recorded.take, reads=recorded.unused) as recorded.runtime,
            Block(recorded.runtime.recorder) as recorded.block,
        ):
            yield recorded
    finally:
        recorded.lasts = False
        _innermost.set(_lasting())
        if outer is not None and outer.lasts and recorded.block is not None:
            outer.inner += [*recorded.inner, recorded.block]


def _lasting() -> Recorded | None:
    """The innermost recording of this task or thread that is not over."""
    innermost = _innermost.get()
    while innermost is not None and not innermost.lasts:
        innermost = innermost.outer
    return innermost
