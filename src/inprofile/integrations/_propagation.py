"""The headers with which a trace goes on in the service that an HTTP client calls.

Clients put them in where they have made up a message for the wire. There they are nobody's but that
message's, one for each attempt and redirect, and come after all that signs or writes headers: a
``traceparent`` that is there already is the user's own or another tool's, and stays alone.
"""

from inprofile.core.model import Span
from inprofile.core.recorder import BLOCK, Recorder
from inprofile.core.trace_context import TRACEPARENT, TRACESTATE


def headers(span: Span) -> list[tuple[str, str]]:
    """Names and values of the headers that tell a service of ``span``.

    None when tracing is off: below another tool's wrapper ours may still be in place. Nor is there
    one for a recorded block, which is no trace of anybody's.
    """
    recorder: Recorder = span.trace.recorder
    if not recorder.tracing or span.trace.door == BLOCK:
        return []
    context = recorder.context(span)
    told = [(TRACEPARENT, context.traceparent)]
    if context.state:
        told.append((TRACESTATE, context.state))
    return told
