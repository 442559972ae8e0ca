"""What to write instead of what holds up an event loop, in words that fit its class."""

from inprofile.detectors.blocking import Call, off_the_loop
from inprofile.detectors.pauses import Cause

PROCESS = "loop.run_in_executor(ProcessPoolExecutor(), …)"


def remedy(cause: Cause) -> str:
    """What to do about it."""
    if cause.kind == "blocking_call":
        return _instead(cause.call)
    thread = off_the_loop(cause.call)
    return {
        "python_cpu": f"{PROCESS} takes it out of this process; {thread} at least lets others "
        "in between; or do it in parts, with await asyncio.sleep(0) after each",
        "native_call": f"{thread}: it lets the GIL go, so that the loop runs on meanwhile",
        "gil_held": f"{PROCESS}, or smaller parts: it keeps the GIL, so a thread does not help",
        "many_callbacks": "Do it in parts, with await asyncio.sleep(0) between them",
        "garbage_collection": "gc.freeze() once the app is up, fewer objects that live on, or a "
        "higher gc.set_threshold(); no gc.collect() on the loop",
        "gil_contention": f"{PROCESS} instead of threads that compute, or fewer of them at a time",
        "descheduled": "More processor time: a larger CPU quota, or fewer workers than processors",
        "unknown": "A lower INPROFILE_LOOP_BLOCK_MS looks at it sooner",
    }[cause.kind]


def _instead(what: Call) -> str:
    thread = off_the_loop(what)
    if what.waits_for == "sleep":
        arguments = what.text.partition("(")[2].removesuffix(")")
        return f"await asyncio.sleep({arguments})"
    if what.waits_for == "lock":
        return f"asyncio's own (Lock, Event, Queue), or {thread}"
    if what.waits_for == "dns":
        return f"await loop.getaddrinfo(…), or {thread}"
    return f"{what.instead}, or {thread}" if what.instead else thread
