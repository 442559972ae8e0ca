"""Opens, nests and closes spans, and begins and finishes traces. This is the hot path.

A ContextVar holds the current span. Tasks and threads that copy the context see the span
under which they were started, so parents stay right under gather and thread hand-over.
"""

import os
import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Any

from inprofile.core.guard import guard
from inprofile.core.ledger import settle
from inprofile.core.model import (
    OVERFLOW,
    SERVER_ERROR,
    Attributes,
    Clock,
    Handover,
    Location,
    Span,
    Trace,
)
from inprofile.core.trace_context import SAMPLED, TraceContext

current: ContextVar[Span | None] = ContextVar("inprofile_span", default=None)
"""The innermost open span of this task or thread, or None outside of a trace."""

BLOCK = "block"
"""The door of what runs in a recording outside of any request, job or task."""

EXPORTED = "exported"
"""Why a trace is kept that ``head`` alone wants: other services have their part of it."""

MAX_FOLDS = 256
"""Different call sites folded below one span; what comes after shares one of its kind."""


def recording() -> Span | None:
    """The current span if its trace still runs, else None: ask this before building anything."""
    span = current.get()
    return None if span is None or span.trace.finished else span


def working() -> Span | None:
    """The same in a request, a job or a task alone: what a recording has around it is no work."""
    span = recording()
    return None if span is None or span.trace.door == BLOCK else span


def open_span(
    parent: Span, kind: str, name: str | Location, attributes: Attributes | None = None
) -> Span:
    """Open a span below ``parent`` and make it the current one."""
    span = Span(parent.trace, parent, kind, name, attributes, parent.trace.clock())
    current.set(span)
    return span


def close_span(span: Span) -> None:
    """Close ``span`` and make its parent the current span.

    The ContextVar is set rather than reset: a reset raises when a generator or a worker
    thread closes in another context than the one that opened.
    """
    trace = span.trace
    current.set(span.parent)
    if trace.finished:
        return
    span.end_ns = trace.clock()
    if len(trace.spans) < trace.limit:
        trace.spans.append(span)
    else:
        fold_closed(span)


def add_span(
    parent: Span,
    kind: str,
    name: str | Location,
    start_ns: int,
    end_ns: int,
    attributes: Attributes | None = None,
) -> Span:
    """Record an operation that is over already, such as a wait that ended in another thread."""
    trace = parent.trace
    span = Span(trace, parent, kind, name, attributes, start_ns)
    span.end_ns = end_ns
    if trace.finished:
        return span
    if len(trace.spans) < trace.limit:
        trace.spans.append(span)
    else:
        fold_closed(span)
    return span


def shift(giver: Span, stage: str, amount_ns: int) -> None:
    """Hand ``amount_ns`` of a span's exclusive time to a stage, without a span for it."""
    giver.moved_ns -= amount_ns
    giver.trace.shifted[stage] += amount_ns


def hand_over(giver: Span, taker: Span) -> Handover:
    """From now on ``giver`` waits for ``taker``, whose time this is, and which is current."""
    trace = giver.trace
    handover = giver, taker, trace.clock()
    if trace.handovers is None:
        trace.handovers = [handover]
    else:
        trace.handovers.append(handover)
    current.set(taker)
    return handover


def take_back(handover: Handover) -> None:
    """End what ``hand_over`` began."""
    giver = handover[0]
    trace = giver.trace
    current.set(giver)
    if not trace.finished and trace.handovers is not None:
        trace.handovers.remove(handover)
        _move(handover, trace.clock())


def _move(handover: Handover, end_ns: int) -> None:
    giver, taker, start_ns = handover
    giver.moved_ns -= end_ns - start_ns
    taker.moved_ns += end_ns - start_ns


def folded_span(
    parent: Span, kind: str, name: str | Location, attributes: Attributes | None
) -> Span:
    """The span below ``parent`` that stands for all repeats of ``(kind, name)``.

    It has no length of its own: what it took is moved to it from other spans.
    """
    folds = parent.folds
    if folds is None:
        folds = parent.folds = {}
    target = folds.get((kind, name))
    if target is None and len(folds) >= MAX_FOLDS:
        name = OVERFLOW
        target = folds.get((kind, name))
    if target is None:
        trace = parent.trace
        if len(trace.spans) >= trace.limit and parent is not trace.root:
            parent.folds = folds or None
            return folded_span(trace.root, kind, name, attributes)
        target = Span(trace, parent, kind, name, attributes, trace.clock())
        target.end_ns = target.start_ns
        target.count = 0
        if trace.finished:
            return target  # late: what it is given is lost, and nothing may be left behind
        folds[kind, name] = target
        trace.spans.append(target)
        trace.folds += 1
    return target


def unfold(
    target: Span,
    before: int,
    moved_ns: int,
    attributes: Attributes | None,
    start_ns: int,
    length_ns: int,
) -> None:
    """Make one call that was current as its folded ``target`` a span of its own after all.

    The spans recorded in it (those from ``before`` on) become its children, but those that
    stand for repeats of their own, and what it moved meanwhile (``target`` had moved
    ``moved_ns`` when it began) becomes its own. So does what it counted: the repeats had
    ``attributes`` before.
    """
    trace = target.trace
    if trace.finished:
        return
    counted = _counted(target.attributes, attributes)
    span = Span(trace, target.parent, target.kind, target.name, counted, start_ns)
    span.end_ns = start_ns + length_ns
    target.attributes = attributes
    span.moved_ns, target.moved_ns = target.moved_ns - moved_ns, moved_ns
    repeated = (target.folds or {}).values()
    for child in trace.spans[before:]:
        if child.parent is target and child not in repeated:
            child.parent = span
    if len(trace.spans) < trace.limit:
        trace.spans.append(span)
    else:
        fold_closed(span)


def _counted(after: Attributes | None, before: Attributes | None) -> Attributes | None:
    """What has been added to numbers since; the rest as it is."""
    if after is before or not after or not before:
        return after
    return {name: _less(value, before.get(name)) for name, value in after.items()}


def _less(after: str | int, before: str | int | None) -> str | int:
    if isinstance(after, int) and isinstance(before, int) and after != before:
        return after - before
    return after


def fold_closed(span: Span) -> None:
    """A trace at its limit keeps exact stages: what has no room is folded below the root.

    What encloses recorded spans is recorded all the same (there are no more of those than
    were open when the limit was reached): the ledger takes their time off it.
    """
    trace = span.trace
    if trace.enclosing is None:
        trace.enclosing = _enclosing(trace.spans)
    if span in trace.enclosing:
        trace.spans.append(span)
        return
    trace.dropped += 1
    target = folded_span(trace.root, span.kind, span.name, span.attributes)
    target.count += span.count
    length_ns = span.end_ns - span.start_ns
    target.moved_ns += length_ns + span.moved_ns
    (span.parent or trace.root).moved_ns -= length_ns
    span.folds = None


def _enclosing(spans: list[Span]) -> set[Span]:
    enclosing: set[Span] = set()
    for span in spans:
        parent = span.parent
        while parent is not None and parent not in enclosing:
            enclosing.add(parent)
            parent = parent.parent
    return enclosing


class Recorder:
    """Begins and finishes traces, and decides which of them are kept.

    ``sink`` takes every finished trace exactly once, before it is decided whether to keep it
    (the cells); ``keep`` takes the ones that are kept. ``sample_rate`` is the share (0...1)
    kept by chance, ``slow_ns`` the duration from which a trace is kept; ``suspicious`` is asked
    once about each trace that took ``suspect_ns`` or called something again in a loop, and says
    whether to keep it. ``clock`` counts monotonic nanoseconds; ``background`` makes the trace of
    a task after a response. With ``tracing`` a trace goes on with its caller's, and is handed on
    to the services it calls; then ``head`` may decide in the place of chance which traces other
    services are told to keep, and ``entered`` is told of each trace before the application is.
    """

    def __init__(  # noqa: PLR0913 - every choice the composition root makes, by name
        self,
        *,
        sink: Callable[[Trace], None],
        keep: Callable[[Trace], None],
        started: Callable[[Trace], None] = lambda _trace: None,
        sample_rate: float = 0.0,
        slow_ns: int = 1_000_000_000,
        suspicious: Callable[[Trace], bool] = lambda _trace: False,
        suspect_ns: int = 1 << 62,
        max_spans: int = 1000,
        clock: Clock = time.perf_counter_ns,
        tracing: bool = False,
    ) -> None:
        self.enabled = True
        self.tracing = tracing
        self.sink = sink
        self.keep = keep
        self.started = started
        self.sample_rate = sample_rate
        self.slow_ns = slow_ns
        self.suspicious = suspicious
        self.suspect_ns = suspect_ns
        self.thorough = False
        self.max_spans = max_spans
        self.clock = clock
        self.loops: Any = None  # the EventLoops, or None: those know of this module
        self.head: Callable[[Trace], bool] | None = None
        self.entered: Callable[[Trace], None] | None = None
        self.background: Callable[[str], AbstractContextManager[object]] = nullcontext
        self._random = random.Random()  # noqa: S311 - sampling; the app's own stream stays untouched
        self._chance = self._random.random

    def begin(self, door: str, method: str = "", scheme: str = "") -> Trace:
        """Begin a trace and make its root the current span. Never raises."""
        trace = Trace(self, door, method, scheme, self.clock, self.max_spans)
        try:
            self.started(trace)
            if self.loops is not None:
                trace.event_loop = self.loops.here()
        except Exception as error:
            guard.caught(error)
        root = trace.root
        current.set(root)
        root.start_ns = self.clock()
        return trace

    def finish(self, trace: Trace, error: BaseException | None = None) -> None:
        """Finish ``trace`` now: the cells take its stages, and it is kept or let go.

        A second call does nothing. Never raises.
        """
        if trace.finished:
            return
        root = trace.root
        root.end_ns = self.clock()
        trace.finished = True
        if error is not None:
            root.error = type(error).__name__
        try:
            if trace.event_loop is not None:
                trace.event_loop.over(trace)
            innermost = current.get()
            if trace.handovers:
                innermost = _all_taken_back(trace.handovers, root.end_ns)
            if trace.endpoint is not None and not _is_within(innermost, trace.endpoint):
                innermost = trace.endpoint
            if innermost is not root and innermost is not None:
                _close_around(innermost, trace)
            settle(trace)
            self.sink(trace)
            if why := self._reason(trace):
                self._keep(trace, why)
            else:
                release(trace)
        except Exception as problem:
            guard.caught(problem)

    def _reason(self, trace: Trace) -> str:
        """Why ``trace`` is kept; empty if it is not."""
        root = trace.root
        length_ns = root.end_ns - root.start_ns
        is_found = False
        if trace.suspect or length_ns >= self.suspect_ns:
            is_found = self.suspicious(trace)  # first of all: it counts, too
        if root.error is not None or trace.status >= SERVER_ERROR:
            return "failed"
        if length_ns >= self.slow_ns and trace.door != "websocket":
            return "slow"
        if is_found:
            return "finding"
        if self.head is None:
            is_drawn = self._chance() < self.sample_rate if trace.drawn is None else trace.drawn
            return "sampled" if is_drawn else ""
        is_drawn = self._is_drawn(trace)
        return "sampled" if self._chance() < self.sample_rate else EXPORTED if is_drawn else ""

    def _is_drawn(self, trace: Trace) -> bool:
        """Whether other services are told to keep ``trace``; the same at each call."""
        if trace.drawn is None:
            head = self.head
            is_drawn = self._chance() < self.sample_rate if head is None else head(trace)
            vars(trace).setdefault("drawn", is_drawn)
        return bool(trace.drawn)

    def enter(self, trace: Trace) -> None:
        """Tell ``entered`` of a trace whose carrier is known. Never raises."""
        if self.entered is not None:
            with guard:
                self.entered(trace)

    def _keep(self, trace: Trace, reason: str) -> None:
        trace.last_statement = trace.bodies = trace.loads = trace.progress = None
        trace.reason = reason
        if trace.steps:
            trace.root.attributes = {**(trace.root.attributes or {}), **_on_loop(trace)}
        trace.spans = [span for span in trace.spans if span.count or span.self_ns]
        trace.started_at = time.time() - (self.clock() - trace.root.start_ns) / 1e9
        self.identify(trace)
        if trace.carrier is not None:
            self.caller(trace)  # a kept trace outlives the request's headers
        self.keep(trace)

    def report(self, trace: Trace) -> None:
        """Judge a finished trace that no door has begun: keep it for what is found, or not.

        A recording has all that is found.
        """
        if self.suspicious(trace) or self.thorough:
            self._keep(trace, "finding")
        else:
            release(trace)

    def reseed(self) -> None:
        """Draw anew: a forked worker must not keep what its siblings keep."""
        self._random.seed()

    def identify(self, trace: Trace) -> str:
        """The identity of ``trace`` in this service, given when it is first asked for."""
        if not trace.identity:
            # From the system, which gives no two processes the same, however they were forked.
            # Two threads of the trace get one identity: setdefault is one step.
            vars(trace).setdefault("identity", os.urandom(16).hex())
        return trace.identity

    def identify_span(self, span: Span) -> str:
        """The identity of ``span`` in its trace, given when it is first asked for."""
        if not hasattr(span, "identity"):
            span.identity = os.urandom(8).hex()
        return span.identity

    def caller(self, trace: Trace) -> TraceContext | None:
        """The span of another service that ``trace`` goes on from, as its headers say.

        None where none is known: without ``tracing``, and where the headers break the rules.
        They are read when it is first asked for.
        """
        if trace.carrier is not None:
            with guard:
                trace.caller = TraceContext.received(trace.carrier)
            trace.carrier = None
        return trace.caller

    def context(self, span: Span) -> TraceContext:
        """What to tell a service that is called in ``span``. Costs 2 microseconds.

        The trace has its caller's id and flags, of which ``head`` may change that of what is
        kept. One that begins here has its own identity and the flag of what chance or ``head``
        says of it, which holds from then on.
        """
        trace = span.trace
        self.identify_span(span)
        caller = self.caller(trace) if trace.carrier is not None else trace.caller
        if caller is None:
            flags = SAMPLED if self._is_drawn(trace) else 0
            return TraceContext(self.identify(trace), span.identity, flags)
        flags = caller.flags
        if self.head is not None:
            flags = flags | SAMPLED if self._is_drawn(trace) else flags & ~SAMPLED
        return TraceContext(caller.trace_id, span.identity, flags, caller.state)


def _on_loop(trace: Trace) -> Attributes:
    """What is known of a trace's time on the event loop."""
    known: dict[str, str | int] = {
        "inprofile.on_loop.duration_ns": trace.on_loop_ns,
        "inprofile.on_loop.steps": trace.steps,
    }
    if trace.longest_ns:
        known["inprofile.on_loop.longest_ns"] = trace.longest_ns
    if trace.longest_at is not None:
        known["inprofile.on_loop.longest_at"] = str(trace.longest_at)
    return known


def _all_taken_back(handovers: list[Handover], end_ns: int) -> Span:
    """End the handovers under way; who handed over first."""
    for handover in handovers:
        _move(handover, end_ns)
    return handovers[0][0]


def _is_within(span: Span | None, outer: Span) -> bool:
    while span is not None and span is not outer:
        span = span.parent
    return span is outer


def _close_around(innermost: Span, trace: Trace) -> None:
    """Close what is open around the last byte: an endpoint that sends it, middleware."""
    span: Span | None = innermost
    while span is not None and span is not trace.root:
        if span.trace is trace and not span.end_ns:
            span.end_ns = trace.root.end_ns
            trace.spans.append(span)
        span = span.parent


def release(trace: Trace) -> None:
    """Break the cycles between a trace and its spans, so that they go without the collector."""
    if trace.folds:
        for span in trace.spans:
            span.folds = None
    trace.spans = []
    trace.last_statement = trace.section = trace.enclosing = None
    trace.endpoint = trace.handovers = trace.bodies = None
    trace.operations = trace.foreign = trace.loads = trace.eager = None
    trace.pauses = trace.sync_calls = trace.borrowed = None
    del trace.root
