"""What held up an event loop: the line of the application, the call, and which class it is of."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from inprofile.core.application import application
from inprofile.core.model import Location, Pause, Position, StackSample
from inprofile.core.source import called, source_line
from inprofile.core.suffering import (
    MOST,
    burner,
    is_collected,
    is_contended,
    is_held,
    is_queued,
    is_shared,
    is_waiting,
)
from inprofile.detectors.blocking import Call, call

CAUSES = {
    "blocking_call": "a blocking call",
    "python_cpu": "Python code that computes",
    "native_call": "native code that computes",
    "gil_held": "native code that holds the GIL",
    "many_callbacks": "many small callbacks",
    "garbage_collection": "garbage collection",
    "gil_contention": "other threads that hold the GIL",
    "descheduled": "the process had no processor",
    "unknown": "n/a: it was over before anybody could look",
}
"""The classes of what holds up an event loop, in words."""


NAMELESS = frozenset({"descheduled", "garbage_collection", "unknown"})
"""What was being called meanwhile has nothing to do with these."""


class Cause(NamedTuple):
    """``kind`` is one of CAUSES, ``call`` what was called there, as far as that is known."""

    kind: str
    place: Location | None
    call: Call


def place(pause: Pause) -> Location | None:
    """The application's line that a pause was seen at most often. Reads no source.

    None of a collection that was due: any line may be the one at which it comes.
    """
    if is_collected(pause):
        return None
    seen = Counter(at for at in map(_own, _looked(pause)) if at is not None)
    if not seen:
        return None
    code = Counter[object]()
    for at, times in seen.items():
        code[at.code] += times
    busiest = code.most_common(1)[0][0]
    at = max((one for one in seen if one.code is busiest), key=seen.__getitem__)
    return Location(at.code.co_filename, at.line, at.code.co_qualname)


def cause(pause: Pause) -> Cause:
    """What a pause was about. Reads the source of the line."""
    where = place(pause)
    what = _call(pause, where)
    kind = _kind(pause, what)
    return Cause(kind, where, Call() if kind in NAMELESS else what)


def _kind(pause: Pause, what: Call) -> str:  # noqa: PLR0911 - a class each
    length_ns = pause.length_ns
    if pause.gc_ns >= MOST * length_ns:
        return "garbage_collection"
    if is_queued(pause):
        return "descheduled"
    if is_contended(pause):
        return "gil_contention"
    if not pause.is_step and _differ(pause.samples):
        return "many_callbacks"
    if what.blocks:
        return "blocking_call"
    if not pause.samples and (pause.cpu_ns is None or is_waiting(pause)):
        return "unknown"
    if not pause.samples:  # Python code lets others look
        return "gil_held"
    if is_waiting(pause):
        # Without a line of the application's at which it waits, it may have been anything.
        return "unknown" if what.is_unknown else "blocking_call"
    if is_held(pause):
        return "gil_held"
    return "native_call" if is_shared(pause) else "python_cpu"


def _looked(pause: Pause) -> Iterator[Sequence[Position]]:
    """The stacks to be blamed: of the loop's thread, or of the one that kept it waiting."""
    if is_contended(pause):
        found = burner(pause)
        if found is not None:
            yield found.frames
            return
    for sample in pause.samples:
        yield sample.frames


def _own(frames: Sequence[Position]) -> Position | None:
    return next((at for at in frames if application.owns(at.code)), None)


def _call(pause: Pause, where: Location | None) -> Call:
    """What the line calls: by the frames below it, and by its source where that is C."""
    for frames in _looked(pause):
        own = _own(frames)
        if own is None or where is None or own.line != where.line:
            continue
        below = _not_ours(frames[: frames.index(own)])
        return call(called(own.code, own.instruction, own.line), below, source_line(where))
    return call(None, _not_ours(next(iter(_looked(pause)), ())))


def _not_ours(frames: Sequence[Position]) -> list[Position]:
    return [at for at in frames if not application.is_ours(at.code)]


def _differ(samples: Sequence[StackSample]) -> bool:
    """Whether the looks were at several callbacks, and not at one."""
    return len({sample.callback for sample in samples}) > 1
