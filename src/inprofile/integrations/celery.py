"""Celery: sending a task, and what its message carries for the trace of the task."""

import re
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

from inprofile.core.recorder import Recorder, working
from inprofile.core.trace_context import TraceContext
from inprofile.integrations._about import About
from inprofile.integrations._patch import Named, Patch, timed
from inprofile.integrations._signature import Function
from inprofile.integrations._steps import marked

HEADER = "inprofile"
"""The one header of ours in a message: when it was sent, the identity of the trace that did, and
with tracing a ``traceparent`` of the span of the sending."""

MAX_QUEUE_S = 30 * 24 * 3600.0
"""A message older than this, or from the future, says nothing useful."""

_HEADER = re.compile(r"(\d{1,11}\.\d{6})(?: ([0-9a-f]{32})(?: (\S{55}))?)?")


class Sent(NamedTuple):
    """What a message says of its sending: seconds since the epoch, and the sender's identity.

    ``origin`` is the span of the sending as other services know it.
    """

    at_s: float
    link: str
    origin: TraceContext | None = None


def _mark(kwargs: dict[str, Any]) -> None:
    """Add our header to those of the message; the sender's own dictionary stays as it is."""
    headers = kwargs.get("headers")
    if headers is not None and not isinstance(headers, dict):
        return
    value = f"{time.time():.6f}"
    sender = working()
    if sender is not None:
        recorder: Recorder = sender.trace.recorder
        value += " " + recorder.identify(sender.trace)
        if recorder.tracing:
            value += " " + recorder.context(sender).traceparent
    kwargs["headers"] = {**(headers or {}), HEADER: value}


def read(value: object) -> Sent | None:
    """The header of a message; None where there is none of ours."""
    found = _HEADER.fullmatch(value) if type(value) is str else None
    if found is None:
        return None
    return Sent(float(found[1]), found[2] or "", TraceContext.parse(found[3] or ""))


def queued_ns(sent: Sent, eta: object, now_s: float) -> int:
    """How long a message has waited; not counted is what it had to wait for its ETA (ISO 8601).

    Celery takes an ETA without a zone for UTC.
    """
    since_s = sent.at_s
    if type(eta) is str:
        moment = datetime.fromisoformat(eta)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        since_s = max(since_s, moment.timestamp())
    waited_s = now_s - since_s
    return int(waited_s * 1e9) if 0 < waited_s < MAX_QUEUE_S else 0


def _named(name: Any) -> Named:
    return f"send {name}" if type(name) is str else "send", None


def _sending(original: Function) -> Function:
    """The message is marked with a trace and without; it is a span in one alone."""
    wrapper = timed("other", _named)(marked(_mark)(original))
    wrapper.__wrapped__ = original  # type: ignore[attr-defined]
    return wrapper


ABOUT = About(
    "Celery",
    ">=5.4,<6",
    "each try of a task as a trace of its own, linked to the trace that sent it, with `queue` (from"
    " the sending of the message, or its ETA, to the start) and `handler`; an eager task inside of"
    " a trace as a span of it; sending a task (`other`), with the broker's own commands below",
    "tasks that never start (revoked, expired) or whose process is killed;"
    " `queue` of a message that was sent without inprofile",
)

PATCHES = {"celery.app.base": (Patch("Celery.send_task", _sending),)}
