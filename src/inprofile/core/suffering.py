"""Whether a step that took long was held up itself: by other threads, or by the system."""

from collections import Counter

from inprofile.core.application import application
from inprofile.core.model import Burner, Pause, StackSample

MOST = 0.5
"""From this part of a pause on something is what it was about."""

MUCH = 0.3
FEW = 0.1

SWITCH_NS = 5_000_000
"""How often a thread that waits for the interpreter asks for it: sys.getswitchinterval()."""


def is_queued(pause: Pause) -> bool:
    """Whether the thread was ready and had no processor, or the whole process was stopped.

    Who computes on a machine that is busy with others waits for a processor, too: as long as it
    has one for a third of the time that it asks for it, it is no victim.
    """
    length_ns = pause.length_ns
    if pause.cpu_ns is None or pause.others_ns is None:
        return False
    queued_ns = pause.queued_ns or 0
    if queued_ns >= MUCH * length_ns and 2 * pause.cpu_ns < queued_ns:
        return True
    # Who waits for anything else keeps nobody else from running.
    is_still = is_waiting(pause) and pause.others_ns < FEW * length_ns
    return is_still and pause.starved_ns >= MOST * length_ns


def is_collected(pause: Pause) -> bool:
    """Whether it was a collection that was due: of what everybody has made, in anybody's step."""
    return pause.is_gc_due and pause.gc_ns >= MOST * pause.length_ns


def is_waiting(pause: Pause) -> bool:
    """Whether the thread neither used a processor nor asked for one; False where nobody knows."""
    if pause.cpu_ns is None:
        return False
    return pause.cpu_ns + (pause.queued_ns or 0) < MOST * pause.length_ns


def is_contended(pause: Pause) -> bool:
    """Whether the thread waited for the interpreter while other threads had it.

    Who waits for that asks for it every few milliseconds, and runs for a moment each time; who
    waits for anything else does not.
    """
    cpu_ns, others_ns, slices = pause.cpu_ns, pause.others_ns, pause.slices
    if cpu_ns is None or others_ns is None or slices is None:
        return False
    length_ns = pause.length_ns
    asked = slices * SWITCH_NS >= MOST * length_ns
    return asked and others_ns >= MOST * length_ns and cpu_ns < MOST * length_ns


def is_shared(pause: Pause) -> bool:
    """Whether whoever looked could do so at once: the thread had let the interpreter go."""
    late_ns = sorted(sample.late_ns for sample in _of_their_own(pause))
    return bool(late_ns) and late_ns[len(late_ns) // 2] < SWITCH_NS // 2


def is_held(pause: Pause) -> bool:
    """Whether nobody else had the interpreter, but where we were told of a collection."""
    return pause.starved_ns >= MOST * pause.length_ns or not _of_their_own(pause)


def _of_their_own(pause: Pause) -> list[StackSample]:
    """The looks at what let others look; while a collection is noted, that is our own code."""
    samples = (sample for sample in pause.samples if sample.frames)
    return [sample for sample in samples if not application.is_ours(sample.frames[0].code)]


def burner(pause: Pause) -> Burner | None:
    """The other thread that used most of the processor, as it was last seen."""
    spent_ns, last = Counter[int](), dict[int, Burner]()
    for sample in pause.samples:
        for one in sample.burners:
            spent_ns[one.thread] += one.cpu_ns
            last[one.thread] = one
    return last[max(spent_ns, key=spent_ns.__getitem__)] if spent_ns else None
