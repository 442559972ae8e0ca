"""Records every trace of a block of code."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from inprofile.core.model import Finding, Trace
from inprofile.runtime import DETECTORS, observed

NONE = (
    "no trace was recorded: was the application given to inprofile.instrument(), did the request "
    "or job end inside of the block, and is inprofile not switched off?"
)


@dataclass(slots=True)
class Recorded:
    """What was recorded; ``traces`` in the order in which they finished."""

    traces: list[Trace] = field(default_factory=list)

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
        """What the detectors say about the traces."""
        return [
            finding for trace in self.traces for detect in DETECTORS for finding in detect(trace)
        ]


@contextlib.contextmanager
def record() -> Iterator[Recorded]:
    """Record every trace that finishes inside of the block, in full.

    Starts inprofile for the block when it is not running. Traces are kept here and not
    stored.
    """
    recorded = Recorded()
    with observed(recorded.traces.append):
        yield recorded
