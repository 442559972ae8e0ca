"""Looks at what threads do: frames as plain data, so that nothing of the application is held."""

import asyncio
import sys
import threading
import time
from collections.abc import Collection, Mapping
from contextvars import Context
from types import CodeType, FrameType
from typing import Any

from inprofile.core.event_loop import EventLoop
from inprofile.core.frames import ASYNC
from inprofile.core.model import Burner, Position, StackSample, Trace
from inprofile.core.recorder import current

MAX_FRAMES = 100
"""Of one thread; what is further out is not looked at."""

MAX_THREADS = 64
"""Other threads that are looked at."""

LEAST_NS = 1_000_000
"""Of processor time; a thread that has used less since the last look has kept nobody waiting."""

HAS_CLOCKS = (
    hasattr(time, "pthread_getcpuclockid") and getattr(sys, "_is_gil_enabled", lambda: True)()
)
"""Whether the clock of another thread can be asked for without a fear that the thread ends."""

RUN: CodeType = asyncio.events.Handle._run.__code__  # noqa: SLF001 - each callback of the loop
"""Below it is one callback of a loop of the standard library."""


Frames = dict[int, FrameType]
"""The innermost frame of each thread."""


def sample(
    known: EventLoop, frames: Frames, at_ns: int, late_ns: int
) -> tuple[StackSample, object]:
    """What the loop's thread does, and what tells this callback of the loop from others.

    Lets no other thread run: the loop would go on.
    """
    trace = known.running
    frame = frames.get(known.thread)
    positions, outermost, handle = _read(frame, known.base)
    task = None if handle is not None else _task(known)
    if trace is None:
        trace = _of(getattr(handle, "_context", None)) or _of_task(task)
    held = handle or task or outermost
    return StackSample(at_ns, positions, trace, id(held), late_ns), held


def base(frame: FrameType | None) -> CodeType | None:
    """What calls the callbacks of the loop in one of whose tasks ``frame`` is."""
    found = None
    while frame is not None:
        back = frame.f_back
        if frame.f_code.co_flags & ASYNC and back is not None:
            found = back.f_code
        frame = back
    return found


def _read(
    frame: FrameType | None, base: CodeType | None = None
) -> tuple[tuple[Position, ...], FrameType | None, Any]:
    """The frames below ``base``, the outermost of them, and the handle of asyncio's around them."""
    found: list[Position] = []
    outermost = handle = None
    while frame is not None and len(found) < MAX_FRAMES:
        code = frame.f_code
        if code is RUN:
            handle = frame.f_locals.get("self")
            break
        if code is base:
            break
        found.append(Position(code, frame.f_lasti, frame.f_lineno or 0))
        outermost, frame = frame, frame.f_back
    return tuple(found), outermost, handle


def burners(
    frames: Frames,
    loops: Collection[int],
    before_ns: dict[int, int],
    working: Mapping[int, Trace],
) -> tuple[Burner, ...]:
    """The threads that are no loop's, with the processor time of each since the last look.

    ``before_ns`` is what they had used by then, and is brought up to date, ``working`` for which
    trace a thread works. Only those that have used any since. Lets no other thread run: one that
    has frames is alive as long as that holds, and asking for the clock of one that is not would
    crash.
    """
    if not HAS_CLOCKS:
        return ()
    found = []
    for thread, frame in list(frames.items())[:MAX_THREADS]:
        if thread in loops or thread == threading.get_ident():
            continue
        cpu_ns = time.clock_gettime_ns(time.pthread_getcpuclockid(thread))
        spent_ns, before_ns[thread] = cpu_ns - before_ns.get(thread, 0), cpu_ns
        if spent_ns > LEAST_NS:
            positions, _, _ = _read(frame)
            found.append(Burner(thread, spent_ns, positions, working.get(thread)))
    return tuple(found)


def _task(known: EventLoop) -> Any:
    """The task that runs in the loop; any thread may ask."""
    loop = known.loop()
    return None if loop is None else asyncio.current_task(loop)


def _of_task(task: Any) -> Trace | None:
    """For which trace a task runs; before 3.12 a task does not tell its context."""
    get_context = getattr(task, "get_context", None)
    return None if get_context is None else _of(get_context())


def _of(context: object) -> Trace | None:
    if type(context) is not Context:
        return None
    span = context.get(current)
    return None if span is None else span.trace
