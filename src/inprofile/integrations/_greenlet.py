"""Who waits for a greenlet in which SQLAlchemy runs what is not written for asyncio."""

import sys
from types import FrameType

from inprofile.core.frames import Beyond, hops

OURS = "_AsyncIoGreenlet"
"""What SQLAlchemy calls its greenlets; those of gevent and others wait for nobody's coroutine."""


def awaiting() -> FrameType | None:
    """The innermost frame of the coroutine that awaits this greenlet; None if it is no such."""
    greenlet = sys.modules.get("greenlet")
    if greenlet is None:
        return None
    current = greenlet.getcurrent()
    kind = type(current)
    if kind.__name__ != OURS or not kind.__module__.startswith("sqlalchemy."):
        return None
    frame: FrameType | None = None if current.parent is None else current.parent.gr_frame
    return frame


def beyond(frame: FrameType) -> Beyond | None:
    """Where the stack goes on that ends in ``frame``, if that is the outermost of a greenlet."""
    waiting = awaiting()
    if waiting is None:
        return None
    outermost = sys._getframe()  # noqa: SLF001 - what tells where this greenlet begins
    while outermost.f_back is not None:
        outermost = outermost.f_back
    return Beyond((waiting,)) if outermost is frame else None


hops.insert(0, beyond)  # a task that runs a greenlet is not at its own outermost frame
