"""Our traces among other tools' spans: theirs nest below ours, and ours below theirs."""

import sys
from collections.abc import Callable
from functools import partial

from opentelemetry.context import Context, attach, get_current
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace import Span as ApiSpan

from inprofile.core.model import Span, Trace
from inprofile.core.recorder import Recorder, current, fold_closed
from inprofile.core.trace_context import FLAGS, TraceContext
from inprofile.exporters.otel_spans.borrowed import CATEGORIES, SERVER, Borrowed
from inprofile.exporters.otel_spans.foreign import ENTRIES, SERVERS, category, ears, scope
from inprofile.exporters.otel_spans.records import span_context

PROBES = 3
"""So many requests without a server span of another tool's inside, and none is expected."""


class Ours(NonRecordingSpan):
    """Stands for a root of ours while it is under way."""


class Surroundings:
    """Called with each trace before the application is; then told of spans in it.

    ``users`` gives the application's provider. A request that another tool has a server span
    for is theirs: our root takes its id. Where such a tool may come inside of us it must find
    no span in the context, or it would take its own for a part of something; so the first
    requests show whether one does, and if none is there our root is what theirs nest below.
    Costs 10 microseconds a trace where the application has a provider, else 1.
    """

    def __init__(self, recorder: Recorder, users: Callable[[], TracerProvider | None]) -> None:
        self._recorder = recorder
        self._users = users
        self._provider: TracerProvider | None = None
        self._probes = 0
        self._servers_inside: bool | None = None

    def __call__(self, trace: Trace) -> None:
        """Find out what is around ``trace``, and put it around what comes."""
        provider = self._users()
        if provider is not self._provider:
            self._provider = provider
            if provider is not None:
                ears.listen(provider)
        around = get_current_span()
        context = around.get_span_context()
        if context.is_valid and not isinstance(around, Ours):
            self._join(trace, around, context)
        is_theirs = trace.borrowed is not None
        if provider is not None and not is_theirs and not self._expects_server(trace):
            self._attach(trace)

    # What is around

    def _join(self, trace: Trace, around: ApiSpan, context: SpanContext) -> None:
        """Go on with the span that is current."""
        trace_id = f"{context.trace_id:032x}"
        if not context.trace_flags.sampled and not context.is_remote:
            self._join_unsampled(trace, trace_id)
            return
        _go_on_from(trace, context)
        kind = around.kind if isinstance(around, ReadableSpan) else None
        if kind is not None and trace.door in ENTRIES.get(kind, ()):
            _borrow(trace, context.span_id)

    def _join_unsampled(self, trace: Trace, trace_id: str) -> None:
        """Theirs is not exported, so it is nobody's parent: its caller is ours."""
        caller = self._recorder.caller(trace)
        if caller is None or caller.trace_id != trace_id:
            trace.caller = None
            trace.identity = trace_id
            trace.drawn = False

    # What comes inside

    def _expects_server(self, trace: Trace) -> bool:
        if trace.door not in {"http", "websocket"}:
            return False
        if self._servers_inside is None:
            self._probes += 1
            if self._probes <= PROBES:
                return not SERVERS.isdisjoint(sys.modules)
            self._servers_inside = False
        return self._servers_inside

    def _attach(self, trace: Trace) -> None:
        context = span_context(self._recorder.context(trace.root), is_remote=False)
        outside = get_current()
        attach(set_span_in_context(Ours(context), outside))
        trace.leave = partial(_leave, trace, outside)

    def begun(self, inside: Span, theirs: SdkSpan) -> None:
        """A span of another tool's begins in ``inside``, which is current."""
        trace, context = inside.trace, theirs.get_span_context()
        if not context.trace_flags.sampled:
            return
        by = scope(theirs)
        if trace.door in ENTRIES.get(theirs.kind, ()) and _is_entry(inside):
            self._begin_entry(inside, theirs, context)
        elif by in SERVERS:
            self._begin_part_of_server(trace, theirs)
        elif theirs.kind is not SpanKind.SERVER:
            _open(inside, context, category(theirs))

    def _begin_entry(self, inside: Span, theirs: SdkSpan, context: SpanContext) -> None:
        trace = inside.trace
        if trace.door != "task":
            self._servers_inside = True
        if _is_below_root(trace, theirs):
            _open(inside, context, SERVER)
            return
        _go_on_from(trace, context)
        _borrow(trace, context.span_id)

    def _begin_part_of_server(self, trace: Trace, theirs: SdkSpan) -> None:
        """One that took itself for a part of what we are: the next ones shall not.

        Other parts, such as the sending of a message, are no operation of ours.
        """
        if _is_below_root(trace, theirs) and trace.door != "task":
            self._servers_inside = True

    def ended(self, inside: Span, theirs: ReadableSpan) -> None:
        """A span of another tool's has ended; ``inside`` is current."""
        trace, context = inside.trace, theirs.get_span_context()
        known = (trace.borrowed or {}).get(context.span_id if context else 0)
        if known is None:
            return
        if not known.category and theirs.kind is SpanKind.CLIENT:
            _learn(trace, known, context, category(theirs))
        if known.span is not trace.root and known.span.count == 0:
            _close(known.span)


def _go_on_from(trace: Trace, context: SpanContext) -> None:
    state = context.trace_state.to_header() if context.trace_state else ""
    flags = context.trace_flags & FLAGS
    trace.carrier = None
    trace.caller = TraceContext(f"{context.trace_id:032x}", f"{context.span_id:016x}", flags, state)


def _borrow(trace: Trace, span_id: int) -> None:
    """Their span is our root."""
    trace.root.identity = f"{span_id:016x}"
    trace.drawn = True
    _mark(trace, span_id, Borrowed(trace.root, SERVER, is_in_trace=True))


def _mark(trace: Trace, span_id: int, borrowed: Borrowed) -> None:
    if trace.borrowed is None:
        vars(trace).setdefault("borrowed", {})  # one step: another thread may do the same
    vars(trace)["borrowed"][span_id] = borrowed


def _leave(trace: Trace, outside: Context) -> None:
    """Put back what was around: set, as a token may be of another context.

    Where our own current span is of another trace this is not the context that was entered.
    """
    trace.leave = None
    inside = current.get()
    if inside is not None and inside.trace is trace:
        attach(outside)


def _is_entry(inside: Span) -> bool:
    """Whether a server span here can be that of the trace: it has none, and calls nobody."""
    borrowed: dict[int, Borrowed] = inside.trace.borrowed or {}
    if any(one.category == SERVER for one in [*borrowed.values()]):
        return False
    span: Span | None = inside
    while span is not None:
        if span.kind in CATEGORIES:
            return False
        span = span.parent
    return True


def _is_below_root(trace: Trace, theirs: ReadableSpan) -> bool:
    identity = getattr(trace.root, "identity", "")
    return theirs.parent is not None and f"{theirs.parent.span_id:016x}" == identity


def _trace_id(trace: Trace) -> str:
    recorder: Recorder = trace.recorder
    caller = recorder.caller(trace)
    return recorder.identify(trace) if caller is None else caller.trace_id


def _open(inside: Span, context: SpanContext, about: str) -> None:
    """Theirs is around what comes, as a part of ``inside``: its time belongs to the same stage.

    In an operation of ours that is the same nothing comes: theirs stands for it.
    """
    trace, span = inside.trace, inside
    is_in_trace = f"{context.trace_id:032x}" == _trace_id(trace)
    if inside.kind not in CATEGORIES:
        span = Span(trace, inside, inside.kind, inside.name, None, trace.clock())
        span.count = 0
        current.set(span)
    _mark(trace, context.span_id, Borrowed(span, about, is_in_trace))


def _learn(trace: Trace, known: Borrowed, context: SpanContext | None, about: str) -> None:
    """Their attributes, which may come late, say what theirs was."""
    if about and context is not None:
        _mark(trace, context.span_id, known._replace(category=about))


def _close(span: Span) -> None:
    """Close what ``_open`` opened, wherever that was; what is current there may be another."""
    if span.end_ns:
        return
    trace = span.trace
    span.end_ns = trace.clock()
    if len(trace.spans) < trace.limit:
        trace.spans.append(span)
    else:
        fold_closed(span)
    if current.get() is span:
        current.set(_open_above(span))


def _open_above(span: Span) -> Span | None:
    outer = span.parent
    while outer is not None and outer.end_ns and outer.count == 0:
        outer = outer.parent
    return outer
