"""The door for a block of a test: what runs in it outside of any request or job."""

import sys

from inprofile.core.application import begun
from inprofile.core.ledger import settle
from inprofile.core.model import Span, Trace
from inprofile.core.recorder import BLOCK, Recorder, current, working


class Block:
    """A trace around a block, which is nobody's but the block's: neither counted nor kept.

    Inside of a request or a job that is under way it is none: then ``trace`` is None, for what
    runs belongs there.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._outside: Span | None = None
        self.trace: Trace | None = None

    def __enter__(self) -> Trace | None:
        recorder = self._recorder
        self._outside = current.get()
        if recorder.enabled and working() is None:
            self.trace = Trace(recorder, BLOCK, "", "", recorder.clock, recorder.max_spans)
            self.trace.route = BLOCK
            self.trace.begun = begun(sys._getframe(1))  # noqa: SLF001 - who records
            current.set(self.trace.root)
            self.trace.root.start_ns = recorder.clock()
        return self.trace

    def __exit__(self, *error: object) -> None:
        trace = self.trace
        if trace is not None:
            trace.root.end_ns = trace.clock()
            trace.finished = True
            settle(trace)
            inside, outside = current.get(), self._outside
            if inside is not None and inside.trace is trace:  # else a later one is under way
                current.set(None if outside is None or outside.trace.finished else outside)
