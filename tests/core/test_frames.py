"""Marks on frames: who makes the same call again, and that nobody notices."""

import bdb
import gc
import sys
import threading
import weakref

import pytest

from inprofile.core.frames import Mark, Stand, meeting, stand


class Thing:
    pass


def here():
    """Where the caller is."""
    return stand(sys._getframe(1), {})[0]


def names(at):
    return [each.mark.code.co_name for each in at.outwards()]


def inner():
    return here()


def middle():
    return inner()


def test_the_way_out_leads_through_every_frame():
    assert names(middle())[:3] == ["inner", "middle", "test_the_way_out_leads_through_every_frame"]


def test_a_frame_keeps_its_mark_and_a_new_call_gets_another():
    first, second = here(), here()
    assert first.mark is second.mark
    assert inner().mark is not inner().mark


def test_two_calls_of_one_line_meet_in_the_frame_of_the_loop():
    one, two = (middle() for _ in range(2))
    met = meeting(one, two)
    assert met is not None
    assert met.mark.code.co_name == "<genexpr>"
    assert met.first == met.second
    assert met.inner is not None
    assert met.inner.code is middle.__code__


def test_two_lines_meet_in_their_frame_at_two_places():
    one = middle()
    two = middle()
    met = meeting(one, two)
    assert met is not None
    assert met.mark is here().mark
    assert met.first != met.second


def test_calls_of_different_threads_meet_where_threads_begin():
    found = []
    threads = [threading.Thread(target=lambda: found.append(here())) for _ in range(2)]
    for thread in threads:
        thread.start()
        thread.join()
    met = meeting(*found)
    assert met is not None
    assert met.mark.code.co_name == "_bootstrap"
    assert met.first == met.second
    assert meeting(here(), found[0]) is None


def test_nothing_of_the_user_lives_longer():
    def work():
        thing = Thing()
        held = here()
        return weakref.ref(thing), held

    gc.disable()
    try:
        thing, held = work()
        assert thing() is None
        assert isinstance(held.mark, Mark)
    finally:
        gc.enable()


def test_a_generator_is_one_activation_from_pass_to_pass():
    def numbers():
        for _ in range(2):
            yield here()

    one, two = numbers()
    met = meeting(one, two)
    assert met is not None
    assert met.mark.code is numbers.__code__
    assert met.first == met.second


def test_a_traced_frame_keeps_its_tracer():
    """A debugger's and coverage's own use of ``f_trace`` is theirs."""
    foreign: dict = {}
    lines = []

    def tracer(frame, event, _value):
        lines.append(event)
        return tracer

    def work():
        before = sys._getframe().f_trace
        one, _ = stand(sys._getframe(), foreign)
        two, _ = stand(sys._getframe(), foreign)
        return before is sys._getframe().f_trace is tracer, one.mark is two.mark

    outside = sys.gettrace()
    sys.settrace(tracer)
    try:
        found = work()
    finally:
        sys.settrace(outside)
    assert found == (True, True)
    assert "line" in lines


def test_tracing_that_begins_in_a_marked_frame_goes_on_undisturbed():
    events = []

    def tracer(frame, event, _value):
        events.append((frame.f_code.co_name, event))
        return tracer

    outside = sys.gettrace()
    here()
    sys.settrace(tracer)
    inner()
    sys.settrace(outside)
    assert ("inner", "call") in events
    assert ("inner", "return") in events


def test_a_debugger_can_stop_in_a_marked_frame(monkeypatch):
    class Debugger(bdb.Bdb):
        def user_line(self, frame):
            seen.append(frame.f_code.co_name)
            self.set_continue()

        user_opcode = user_line  # since 3.13

    seen: list[str] = []
    outside = sys.gettrace()
    here()
    Debugger().set_trace(sys._getframe())
    here()
    sys.settrace(outside)
    assert seen == ["test_a_debugger_can_stop_in_a_marked_frame"]


def test_deep_recursion_is_looked_at_so_far_and_no_further():
    def down(depth):
        return here() if depth == 0 else down(depth - 1)

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(5000)
    try:
        at = down(3000)
    finally:
        sys.setrecursionlimit(limit)
    assert len(names(at)) == 1000


@pytest.mark.parametrize("kind", [Mark])
def test_a_mark_says_nothing_to_a_tracer(kind):
    mark = kind(inner.__code__, Stand(Mark(middle.__code__), 4, None))
    assert mark(sys._getframe(), "line", None) is None
    assert mark.depth == 1
