"""The door for what held up an event loop when no trace under way could be told of it."""

import time

from inprofile.core.application import application
from inprofile.core.model import Pause, Trace
from inprofile.core.recorder import Recorder
from inprofile.core.suffering import is_collected, is_contended

DOOR = "loop"
"""The door of such a trace: it is not counted as work, and is there for its finding alone."""


def stray(recorder: Recorder, pause: Pause) -> Trace:
    """A finished trace as long as ``pause``, of the route whose step it was if that is known.

    What follows the last byte of a response is no part of its request, but of its route all the
    same.
    """
    whose = pause.trace
    method, scheme = ("", "") if whose is None else (whose.method, whose.scheme)
    trace = Trace(recorder, DOOR, method, scheme, time.perf_counter_ns, recorder.max_spans)
    trace.route = _callback(pause) if whose is None else whose.route
    trace.path = "" if whose is None else whose.path
    trace.root.start_ns, trace.root.end_ns = pause.start_ns, pause.end_ns
    trace.root.self_ns = pause.length_ns
    trace.stages = {"handler": pause.length_ns}
    trace.finished = True
    trace.spans.append(trace.root)
    trace.pauses = [pause]
    trace.suspect = True
    return trace


def _callback(pause: Pause) -> str:
    """The outermost function of the application's that ran, as far as anybody has looked."""
    for sample in () if is_contended(pause) or is_collected(pause) else pause.samples:
        for position in reversed(sample.frames):
            if application.owns(position.code):
                return f"{DOOR}:{position.code.co_qualname}"
    return DOOR
