"""Exclusive times against a reference that looks at every moment."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inprofile.core import ledger
from inprofile.core.ledger import settle
from inprofile.core.model import Span, Trace
from inprofile.core.recorder import (
    MAX_FOLDS,
    Recorder,
    add_span,
    close_span,
    current,
    shift,
)
from tests.core.fake_clock import FakeClock
from tests.core.folding import fold, move

MAX_SPANS = 16
MOMENT_NS = 720_720
"""The least common multiple of 1 ... 16: a moment divides evenly among that many leaves."""

KINDS = ("middleware", "handler", "db", "cache")
UNLIMITED = 1_000_000

Program = Sequence[tuple[str, int, int, int]]
"""Steps: an operation, two picks (which span, which kind), and the moments before it."""


def programs(*operations: str, size: int = 40):
    step = st.tuples(
        st.sampled_from(operations), st.integers(0, 99), st.integers(0, 3), st.integers(0, 3)
    )
    return st.lists(step, max_size=size)


class Run(NamedTuple):
    trace: Trace
    spans: list[Span]


def ignore(_trace: Trace) -> None:
    """These traces are settled by hand."""


def begun(limit: int = UNLIMITED) -> tuple[Trace, FakeClock]:
    clock = FakeClock()
    trace = Recorder(sink=ignore, keep=ignore, clock=clock, max_spans=limit).begin("job")
    return trace, clock


def finished(trace: Trace) -> Trace:
    """What Recorder.finish does, without letting the spans go."""
    trace.root.end_ns = trace.clock()
    trace.finished = True
    settle(trace)
    current.set(None)
    return trace


def opened(trace: Trace, parent: Span, kind: str) -> Span:
    span = Span(trace, parent, kind, kind, None, trace.clock())
    current.set(span)
    return span


# Any forest: siblings at once, children outliving parents, spans nobody closes


def overlapping(program: Program, limit: int = UNLIMITED) -> Run:
    """Run a program whose spans open below any other and close in any order."""
    trace, clock = begun(limit)
    spans = [trace.root]
    is_open: list[Span] = []
    for operation, which, kind, moments in program:
        clock.advance(moments * MOMENT_NS)
        if operation == "open" and len(spans) < MAX_SPANS:
            spans.append(opened(trace, spans[which % len(spans)], KINDS[kind]))
            is_open.append(spans[-1])
        elif operation == "close" and is_open:
            close_span(is_open.pop(which % len(is_open)))
        elif operation == "fold":
            parent = spans[which % len(spans)]
            start_ns = clock()
            clock.advance(MOMENT_NS)
            fold(parent, "logging", str(which % 3), start_ns, clock())
        elif operation == "move" and trace.spans:
            move(spans[which % len(spans)], trace.spans[which % len(trace.spans)], MOMENT_NS)
        elif operation == "shift":
            shift(spans[which % len(spans)], "send", MOMENT_NS)
    clock.advance(MOMENT_NS)
    for span in is_open:
        if around_instants_only(span, trace.spans):
            close_span(span)
    return Run(trace, spans)


def around_instants_only(span: Span, recorded: Sequence[Span]) -> bool:
    """Whether a span that is open encloses spans, but none that took time.

    No clock is so coarse and no span so short; with no time below it, whether it is recorded
    would make a difference to nobody but the reference.
    """
    below = [one for one in recorded if span in open_chain(one)]
    return bool(below) and not any(one.duration_ns for one in below)


def open_chain(span: Span) -> list[Span]:
    chain = []
    parent = span.parent
    while parent is not None and not parent.end_ns:
        chain.append(parent)
        parent = parent.parent
    return chain


def reference(run: Run) -> dict[Span, Fraction]:
    """Moment by moment: who is innermost, and 1/k for each of k of them."""
    root = run.trace.root
    root_end_ns = run.trace.clock()
    ends = {span: span.end_ns for span in run.trace.spans}
    for span in run.trace.spans:
        ends |= dict.fromkeys(open_chain(span), root_end_ns)
    ends[root] = root_end_ns
    shares = dict.fromkeys(ends, Fraction(0))
    for at_ns in range(root.start_ns, root_end_ns, MOMENT_NS):
        present = [span for span, end_ns in ends.items() if span.start_ns <= at_ns < end_ns]
        enclosing = {parent for span in present for parent in ancestors(span)}
        innermost = [span for span in present if span not in enclosing]
        for span in innermost:
            shares[span] += Fraction(MOMENT_NS, len(innermost))
    return shares


def ancestors(span: Span) -> list[Span]:
    chain = []
    while span.parent is not None:
        span = span.parent
        chain.append(span)
    return chain


def by_kind(shares: dict[Span, Fraction]) -> dict[str, int]:
    stages: Counter[str] = Counter()
    for span, share in shares.items():
        stages[span.kind] += int(share)
    return {kind: share for kind, share in stages.items() if share}


@settings(max_examples=400)
@given(programs("open", "open", "close", "close", "wait"))
def test_every_span_gets_exactly_what_looking_at_every_moment_gives_it(program):
    run = overlapping(program)
    expected = reference(run)
    trace = finished(run.trace)
    assert {span: span.self_ns for span in trace.spans} == expected
    assert {kind: ns for kind, ns in trace.stages.items() if ns} == by_kind(expected)
    assert sum(trace.stages.values()) == trace.wall_ns


@settings(max_examples=300)
@given(programs("open", "close", "fold", "move", "shift"), st.integers(1, 40))
def test_stages_add_up_to_the_wall_time_whatever_overlaps_or_is_turned_away(program, limit):
    trace = finished(overlapping(program, limit).trace)
    assert sum(trace.stages.values()) == trace.wall_ns
    assert min(trace.stages.values()) >= 0
    assert min(span.self_ns for span in trace.spans) >= 0


# Nested spans that follow each other: what almost every request is


def sequential(program: Program, limit: int = UNLIMITED) -> tuple[Trace, dict[str, int]]:
    """Run a program of nested blocks; the trace, and by kind who was innermost how long."""
    trace, clock = begun(limit)
    stack = [trace.root]
    owned: Counter[str] = Counter()

    def wait(kind: str, moments: int) -> None:
        clock.advance(moments * MOMENT_NS)
        owned[kind] += moments * MOMENT_NS

    for operation, which, kind, moments in program:
        top = stack[-1]
        wait(top.kind, moments)
        start_ns = clock()
        if operation == "open":
            stack.append(opened(trace, top, KINDS[kind]))
        elif operation == "close" and len(stack) > 1:
            close_span(stack.pop())
        elif operation == "fold":
            wait("logging", 1 + kind)
            fold(top, "logging", str(which), start_ns, clock())
        elif operation == "add":
            wait("threadpool_wait", 1 + kind)
            add_span(top, "threadpool_wait", "worker", start_ns, clock())
        elif operation == "shift":
            wait("send", 1 + kind)
            shift(top, "send", clock() - start_ns)
        elif operation == "move" and trace.spans:
            taker = trace.spans[which % len(trace.spans)]
            wait(taker.kind, 1)
            move(top, taker, MOMENT_NS)
    while len(stack) > 1:
        wait(stack[-1].kind, 1)
        close_span(stack.pop())
    wait(trace.root.kind, 1)
    return trace, dict(+owned)


NESTED = ("open", "open", "close", "close", "fold", "add", "move", "shift")


@settings(max_examples=300)
@given(programs(*NESTED))
def test_the_additions_and_the_sweep_agree_where_spans_nest_and_follow_each_other(program):
    trace, owned = sequential(program)
    trace.root.end_ns = trace.clock()
    spans, shifted = [*trace.spans, trace.root], trace.shifted
    added = ledger._added(trace.spans, trace.root, shifted)
    by_addition = [span.self_ns for span in spans]
    swept = ledger._swept(trace.spans, trace.root, shifted)
    assert added == swept
    assert by_addition == [span.self_ns for span in spans]
    assert {kind: ns for kind, ns in swept.items() if ns} == owned


@settings(max_examples=300)
@given(programs(*NESTED, size=60), st.integers(1, 12))
def test_a_trace_at_its_limit_keeps_exact_stages(program, limit):
    trace, owned = sequential([step for step in program if step[0] != "move"], limit)
    finished(trace)
    assert {kind: ns for kind, ns in trace.stages.items() if ns} == owned


@settings(max_examples=200)
@given(programs("open", "open", "close", "close", "add", size=80), st.integers(1, 12))
def test_a_trace_at_its_limit_counts_every_span_once(program, limit):
    unlimited = finished(sequential(program)[0])
    limited = finished(sequential(program, limit)[0])
    assert sum(span.count for span in limited.spans) == len(unlimited.spans)
    folded = limited.root.folds or {}
    assert limited.dropped == sum(span.count for span in folded.values())


def test_a_request_of_ten_thousand_spans_holds_no_more_than_its_limit():
    trace, clock = begun(limit=100)
    for number in range(10_000):
        span = opened(trace, trace.root, "handler")
        clock.advance(3)
        fold(span, "logging", f"line {number}", clock() - 1, clock())
        close_span(span)
    finished(trace)
    assert trace.stages == {"handler": 20_000, "logging": 10_000}
    assert len(trace.spans) <= 100 + MAX_FOLDS + len(KINDS)


def test_call_sites_beyond_the_bound_share_one_span_of_their_kind():
    trace, clock = begun()
    for number in range(MAX_FOLDS + 1_000):
        clock.advance(5)
        fold(trace.root, "logging", f"line {number}", clock() - 2, clock())
    finished(trace)
    overflow = [span for span in trace.spans if span.name == "_OVERFLOW"]
    assert [(span.count, span.duration_ns) for span in overflow] == [(1_000, 2_000)]
    assert len(trace.spans) == MAX_FOLDS + 2


# Sentences


def test_two_queries_at_once_share_the_time_in_which_both_run():
    trace, clock = begun()
    first = opened(trace, trace.root, "db")
    clock.advance(10)
    second = opened(trace, trace.root, "http")
    clock.advance(20)
    close_span(first)
    clock.advance(30)
    close_span(second)
    clock.advance(5)
    assert finished(trace).stages == {"db": 20, "http": 40, "handler": 5}


def test_a_child_that_outlives_its_parent_keeps_its_time():
    trace, clock = begun()
    parent = opened(trace, trace.root, "cache")
    clock.advance(10)
    child = opened(trace, parent, "db")
    clock.advance(10)
    close_span(parent)
    clock.advance(10)
    close_span(child)
    assert finished(trace).stages == {"cache": 10, "db": 20, "handler": 0}


def test_what_is_still_open_around_recorded_spans_lasts_until_the_end():
    trace, clock = begun()
    middleware = opened(trace, trace.root, "middleware")
    clock.advance(10)
    query = opened(trace, middleware, "db")
    clock.advance(10)
    close_span(query)
    clock.advance(10)
    assert finished(trace).stages == {"db": 10, "middleware": 20, "handler": 0}


def test_an_operation_without_length_takes_nothing():
    trace, clock = begun()
    clock.advance(7)
    close_span(opened(trace, trace.root, "db"))
    assert finished(trace).stages == {"db": 0, "handler": 7}


def test_the_queue_before_the_app_is_a_stage_of_its_own():
    trace, clock = begun()
    trace.queue_ns = 300
    clock.advance(50)
    finished(trace)
    assert trace.stages == {"handler": 50, "queue": 300}
    assert trace.wall_ns == 350


@pytest.mark.parametrize("leaves", [2, 3, 7, 1_000])
def test_any_number_of_leaves_at_once_add_up_exactly(leaves):
    trace, clock = begun()
    spans = [opened(trace, trace.root, "db") for _ in range(leaves)]
    clock.advance(1_000_003)
    for span in spans:
        close_span(span)
    finished(trace)
    assert sum(trace.stages.values()) == 1_000_003
    assert {span.self_ns for span in spans} == {1_000_003 // leaves}
