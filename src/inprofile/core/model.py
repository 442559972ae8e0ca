"""The nouns of a measurement: Span, Trace, Finding and Location. Plain slotted data."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass
from types import CodeType, MappingProxyType
from typing import Any, NamedTuple

from inprofile.core.trace_context import Headers, TraceContext

Attributes = Mapping[str, str | int]
Clock = Callable[[], int]

STAGES = (
    "queue",
    "receive",
    "middleware",
    "routing",
    "dependencies",
    "validation",
    "handler",
    "orm",
    "db",
    "db_pool_wait",
    "cache",
    "http",
    "template",
    "serialization",
    "logging",
    "threadpool_wait",
    "loop_wait",
    "gc",
    "send",
    "other",
)
"""Every kind a span may have, in the order in which a request passes them."""

UNMATCHED = "_UNMATCHED"
"""The route of a request that no registered route matched."""

OTHER = "_OTHER"
"""The method of a request whose method is not a known one (semconv's spelling)."""

OVERFLOW = "_OVERFLOW"
"""The label value that takes what a cap turned away."""


SERVER_ERROR = 500
"""From this status on a response counts as failed, as in OpenTelemetry's conventions."""


class Location(NamedTuple):
    """A place in source code."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.function}"


class Span:
    """One timed operation of a trace.

    ``end_ns`` is 0 while the span is open. ``count`` is how many operations it stands for:
    repeats of one call site are folded into one span. ``moved_ns`` is the time that was
    added to it from (positive) or handed by it to (negative) other spans without a span of
    their own. ``self_ns`` is its exclusive time, known once the trace is finished.
    ``identity`` is there once another service was told of it: Recorder.context gives it.
    """

    __slots__ = (
        "attributes",
        "count",
        "end_ns",
        "error",
        "folds",
        "identity",
        "kind",
        "moved_ns",
        "name",
        "parent",
        "self_ns",
        "settled_ns",
        "start_ns",
        "trace",
    )

    identity: str

    def __init__(
        self,
        trace: "Trace",
        parent: "Span | None",
        kind: str,
        name: str | Location,
        attributes: Attributes | None,
        start_ns: int,
    ) -> None:
        self.trace = trace
        self.parent = parent
        self.kind = kind
        self.name = name
        self.attributes = attributes
        self.start_ns = start_ns
        self.end_ns = self.moved_ns = self.self_ns = self.settled_ns = 0
        self.count = 1
        self.folds: dict[tuple[str, str | Location], Span] | None = None
        self.error: str | None = None

    @property
    def duration_ns(self) -> int:
        """Time in this operation, with what was folded into it."""
        return self.end_ns - self.start_ns + max(self.moved_ns, 0)

    def __repr__(self) -> str:
        return f"<Span {self.kind} {self.name!s} x{self.count} {self.duration_ns} ns>"


Handover = tuple[Span, Span, int]
"""Who sends a message, what is at work on it meanwhile, and since when (nanoseconds)."""


class Trace:
    """One request, job, websocket or background task: a root span and its spans.

    ``spans`` holds the closed spans in the order of closing; the root comes last once the
    trace is finished. ``shifted`` is the time of stages that need no span of their own (their
    parts have no name): it was taken from the spans in which it was spent. ``recorder`` is
    what began the trace; ``endpoint`` is the span of what may send the last byte. For tracing
    alone: ``host`` is what the client calls the server, ``carrier`` has the headers until somebody
    asks for the ``caller``; ``drawn`` is whether
    chance keeps the trace, where that had to be known before its end; ``origin`` is the span that
    sent what runs in it, ``borrowed`` has the spans that another tool exports by their ids, and
    ``leave`` is to be called where the trace was entered. ``operations`` and
    ``foreign`` are of ``repeats``, ``progress`` is where its batches and pages are, ``loads`` says
    which lines loaded which rows, ``eager`` what was loaded with those (in a recording that asks),
    ``begun`` is the application's instruction inside of which the trace runs, ``starts`` how many
    tasks were started in it, ``suspect`` is whether anything was called again in a loop, and
    ``scopes`` are the blocks to be ignored that were passed in a recording.

    On ``event_loop``, ``on_loop_ns`` is how long its steps took, of which there were ``steps``, the
    latest until ``stepped_ns``; the longest took ``longest_ns`` and ended where it waits at
    ``longest_at`` (known from a millisecond on). ``pauses`` are the steps that held up everybody
    else, ``sync_calls`` the calls of synchronous clients on the loop. What most traces never
    change stands on the class and not in slots: a trace is made in half the time.
    """

    route = UNMATCHED
    prefix = ""
    path = ""
    status = 0
    queue_ns = 0
    first_byte_ns = 0
    started_at = 0.0
    dropped = 0
    enclosing: set[Span] | None = None
    messages: list[int] | None = None
    folds = 0
    disconnected = False
    trailers = False
    streamed = False
    reason = ""
    identity = ""
    host = ""
    carrier: Headers | None = None
    caller: TraceContext | None = None
    drawn: bool | None = None
    origin: TraceContext | None = None
    borrowed: dict[int, Any] | None = None
    leave: Callable[[], None] | None = None
    link = ""
    routing_ns = 0
    section: tuple[Span, Sized, int] | None = None
    endpoint: Span | None = None
    handovers: list[Handover] | None = None
    last_statement: tuple[object, Span] | None = None
    bodies: dict[int, tuple[Callable[[], object], Span]] | None = None
    operations: dict[Any, Any] | None = None
    loads: dict[Any, Any] | None = None
    eager: dict[Any, Any] | None = None
    progress: dict[Any, int | None] | None = None
    begun: tuple[CodeType, int] | None = None
    foreign: dict[Any, Any] | None = None
    starts = 0
    suspect = False
    scopes: set[Any] | None = None
    event_loop: Any = None
    longest_ns = 0
    longest_at: Location | None = None
    pauses: "list[Pause] | None" = None
    sync_calls: dict[Any, Any] | None = None
    stages: Mapping[str, int] = MappingProxyType({})

    def __init__(
        self, recorder: Any, door: str, method: str, scheme: str, clock: Clock, limit: int
    ) -> None:
        self.recorder = recorder
        self.door = door
        self.method = method
        self.scheme = scheme
        self.clock = clock
        self.limit = limit
        self.spans: list[Span] = []
        self.finished = False  # on the instance: it is read at every call of a wrapper
        self.on_loop_ns = self.steps = self.stepped_ns = 0  # and these at every step
        self.shifted: defaultdict[str, int] = defaultdict(int)
        self.root = Span(self, None, "handler", door, None, 0)

    @property
    def wall_ns(self) -> int:
        """What the stages add up to: the time in the app and the queue before it."""
        return self.root.end_ns - self.root.start_ns + self.queue_ns

    @property
    def error(self) -> str | None:
        """The type of what went wrong, or None."""
        if self.root.error is not None:
            return self.root.error
        return str(self.status) if self.status >= SERVER_ERROR else None

    def __repr__(self) -> str:
        return f"<Trace {self.door} {self.method} {self.route} {len(self.spans)} spans>"


class Position(NamedTuple):
    """Where a frame was: its code, the instruction and the line."""

    code: CodeType
    instruction: int
    line: int


class Burner(NamedTuple):
    """Another thread: how long it was on a processor since the last look, where it is, for whom."""

    thread: int
    cpu_ns: int
    frames: tuple[Position, ...]
    trace: Trace | None


class StackSample(NamedTuple):
    """What the thread of an event loop was seen to do: its frames from the inside out.

    ``trace`` is whose step or callback that was, ``callback`` tells one callback of the loop from
    the next, and ``late_ns`` is how long whoever looked had to wait for the interpreter.
    ``burners`` are other threads.
    """

    at_ns: int
    frames: tuple[Position, ...]
    trace: Trace | None
    callback: int
    late_ns: int
    burners: tuple[Burner, ...] = ()


class Pause:
    """A time in which an event loop could do nothing else, and what is known of it.

    ``trace`` is whose step it was (None: nobody's that is known), ``is_step`` whether it was one
    at all. ``cpu_ns`` is the processor time of the loop's thread, ``others_ns`` that of all other
    threads of the process, ``queued_ns`` how long the loop's thread waited for a processor and
    ``slices`` how often it was given one (None, all of them: the system does not tell), ``gc_ns``
    what of it was garbage collection, ``is_gc_due`` whether that came by itself, and ``starved_ns``
    how long another thread had to wait for the interpreter. ``victims`` are the requests that were
    ready meanwhile, which waited ``delayed_ns`` together.
    """

    __slots__ = (
        "cpu_ns",
        "delayed_ns",
        "end_ns",
        "gc_ns",
        "is_gc_due",
        "is_step",
        "others_ns",
        "queued_ns",
        "samples",
        "slices",
        "start_ns",
        "starved_ns",
        "trace",
        "victims",
    )

    def __init__(
        self, trace: Trace | None, start_ns: int, end_ns: int, *, is_step: bool = True
    ) -> None:
        self.trace = trace
        self.start_ns = start_ns
        self.end_ns = end_ns
        self.is_step = is_step
        self.samples: tuple[StackSample, ...] = ()
        self.gc_ns = self.starved_ns = 0
        self.is_gc_due = False
        self.cpu_ns: int | None = None
        self.others_ns: int | None = None
        self.queued_ns: int | None = None
        self.slices: int | None = None
        self.victims = self.delayed_ns = 0

    @property
    def length_ns(self) -> int:
        """How long it was."""
        return self.end_ns - self.start_ns

    def __repr__(self) -> str:
        return f"<Pause {self.length_ns / 1e6:.1f} ms, {len(self.samples)} samples>"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a detector says about a trace.

    ``count`` is how often it happened in the trace, for ``elements`` different rows or
    parameters; ``total_ns`` the time it took there and ``share`` (0...1) that of the trace's
    time. ``loop`` is the header of the loop, ``query`` the application's line that runs the
    ``statement``, ``relation`` the ``Model.attribute`` it is for; ``operation`` says whether it
    reads or writes. ``evidence`` is what was seen in one sentence, ``fix`` the code to add and
    ``where`` the line it belongs to; ``saving_ns`` is what that is likely to save, at the least
    and at the most. ``severity`` is "low" for what costs little and "" otherwise. Of what held up
    an event loop, ``cause`` is the class, and ``victims`` requests waited ``delayed_ns`` together.
    """

    kind: str
    route: str
    statement: str
    count: int
    total_ns: int
    evidence: str
    fix: str
    query: Location | None = None
    loop: Location | None = None
    where: Location | None = None
    relation: str = ""
    operation: str = ""
    elements: int = 0
    share: float = 0.0
    saving_ns: tuple[int, int] | None = None
    severity: str = ""
    cause: str = ""
    victims: int = 0
    delayed_ns: int = 0
