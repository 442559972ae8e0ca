"""Operations that one trace runs again and again, and from where: the evidence of N+1.

The first run of an operation costs a look into a dictionary. Its repeats are told apart by the
way from the frame that makes the same call again (the loop) to the application's line that runs
the operation. Once that way is known, a repeat that takes it is known again by two frames.
"""

import sys
import threading
from collections.abc import Hashable
from contextvars import ContextVar
from types import FrameType
from typing import Any

from inprofile.core.application import application
from inprofile.core.frames import (
    Mark,
    Meeting,
    Position,
    Stand,
    borders,
    chains,
    is_loops_own,
    is_same,
    meeting,
    position,
    sources,
    stand,
)
from inprofile.core.model import Location, Span
from inprofile.core.sites import MAX_ELEMENTS, Explain, Site
from inprofile.core.turns import turns

MAX_OPERATIONS = 1000
"""Different operations of one trace that are watched; repeats of others are not seen."""

MAX_SITES = 64
"""Ways to one operation that are told apart in one trace."""

MAX_LOOKS = 24
"""Runs of one operation in one trace whose frames are looked at; those after them count for the
way that was seen last, or for the ways that take turns. A recording looks at all."""

MAX_TURNS = 8
"""Ways that may take turns: two fields of a serializer, say, that read the same relation."""

MAX_WAYS = 8
"""Ways to one operation of one route that are remembered from trace to trace."""

CALM = 2
"""So many traces that run an operation once, and its first run is no longer looked at."""

MAX_KNOWN = 8192
"""Operations remembered by this process."""

getframe = sys._getframe  # noqa: SLF001 - what tells who calls

ignoring: ContextVar[Hashable] = ContextVar("inprofile_ignoring", default=None)
"""What was said about the findings of what runs now: plain data, compared by value."""


class Operation:
    """One operation of a trace: a statement, a request's template or a cache's command.

    ``subject`` is the relation for which it runs, if it is known then: two relations may run
    the same statement. ``unseen`` is its first run, where nobody looked from where it came;
    ``ignored`` is what was ``ignoring`` it, if anything was.
    """

    __slots__ = ("ignored", "latest", "looks", "name", "sites", "subject", "taken", "unseen")

    def __init__(
        self,
        name: str | Location,
        subject: Hashable,
        unseen: tuple[Span, int] | None,
        ignored: Hashable = None,
    ) -> None:
        self.name = name
        self.subject = subject
        self.unseen = unseen
        self.ignored = ignored
        self.looks = 0
        self.sites: list[Site] = []
        self.latest: Any = None
        self.taken: list[Site] = []


known: dict[Hashable, int | list[Site]] = {}
"""By route and operation: in how many traces of this process it was run once, and when it was
repeated the ways by which it was."""

_looking = threading.RLock()
"""Threads that work for one trace look one after the other."""


def notice(  # noqa: C901, PLR0912 - written out: this is the price of every repeat
    span: Span, value: int, subject: Hashable = None, explain: Explain | None = None
) -> None:
    """Take note that ``span`` begins, for the element ``value``.

    To be called by ``looked_up`` or the like, which a hook of a timing wrapper calls. What serves
    many elements at once is not to be noted. Costs 0.6 microseconds for what is run once, 0.9
    for a repeat that came by a known way, and some 25 for the first few; three times that in an
    app that does other things between.
    """
    trace = span.trace
    operations = trace.operations
    if operations is None:
        operations = trace.operations = {}
    key: Hashable = span.name if subject is None else subject
    ignored = ignoring.get()
    if ignored is not None:
        key = key, ignored
    operation = operations.get(key)
    inner: Any = None
    if operation.__class__ is Operation:
        site: Any = operation.latest
        far = 0 if site is None else site.far  # None: another thread looks at its first run
        if far:
            try:
                frame = getframe(3 + far)
                if frame.f_trace is site.loop and (
                    frame.f_lasti == site.at
                    or (site.at.__class__ is tuple and position(frame) == site.at)
                ):
                    if far > site.near:
                        inner = _between(site)
                    if far == site.near or (inner is not None and inner is not site.inner):
                        site.inner = inner
                        if not site.passes:
                            site.passes = 1
                            trace.suspect = True
                        site.count = count = site.count + 1
                        if count <= MAX_ELEMENTS:
                            site.elements.add(value)
                            site.spans.append(span)
                        return
            except ValueError:  # the stack is not that deep
                pass
    elif operation is None:
        if len(operations) >= MAX_OPERATIONS:
            return
        before = known.get((trace.route, key), 0)
        if before.__class__ is int and before >= CALM and not trace.recorder.thorough:
            once = span, value
            if operations.setdefault(key, once) is once:  # an operation, once it is repeated
                return
    _noticed(operations, key, span, value, subject, explain, inner)


def _noticed(
    operations: dict[Hashable, Any],
    key: Hashable,
    span: Span,
    value: int,
    subject: Hashable,
    explain: Explain | None,
    inner: Mark | None,
) -> None:
    """Take note of a run that did not come by the way that was taken last, or is the first.

    One thread at a time: others may have seen the operation since ``notice`` looked.
    """
    trace = span.trace
    way = trace.route, key
    with _looking:
        operation = operations.get(key)
        if operation.__class__ is not Operation:
            operation = Operation(span.name, subject, operation, ignoring.get())
            operations[key] = operation
            if _is_known(operation, way, span, value):
                return
        elif inner is None and (
            _is_another(operation, span, value) or _is_known(operation, way, span, value)
        ):
            return
        elif operation.looks >= MAX_LOOKS and not trace.recorder.thorough:
            site = _next(operation)
            site.passes += 1
            site.add(span, value)
            return
        _look(operation, way, span, value, explain, inner)


def _next(operation: Operation) -> Site:
    """The way by which this run is likely to have come, as the order of the looks tells.

    Not the way that was taken last, if that is known by its frames: this run took another one.
    """
    taken = operation.taken
    if len(taken) > MAX_TURNS:  # now is the time to see the order, which is all that is kept
        tail = taken[-2 * MAX_TURNS :]
        period = next((n for n in range(1, MAX_TURNS + 1) if tail[n:] == tail[:-n]), 1)
        operation.taken = taken = tail[-period:]
    site = taken.pop(0) if taken else operation.latest
    taken.append(site)
    return site


def _between(site: Site) -> Mark | None:
    """What the loop has called, if that leads to the line of the query; else None.

    A function that has run the query before has a loop of its own.
    """
    near = getframe(4 + site.near)  # outside of this, notice, its caller and the hook
    if near.f_code is not site.query_code or position(near) != site.query_at:
        return None
    frame = getframe(3 + site.far)
    mark = frame.f_trace
    if mark is None:
        mark = frame.f_trace = Mark(frame.f_code, site.around)
    return mark if type(mark) is Mark else None


def _is_another(operation: Operation, span: Span, value: int) -> bool:
    """Whether this run came by a way of the trace that was not the last one; counts it."""
    for site in operation.sites:
        frame = _loop(site) if site.far and site is not operation.latest else None
        if frame is None or frame.f_trace is not site.loop:
            continue
        if site.far > site.near:
            between = getframe(4 + site.far)
            if between.f_trace is not None:
                return False  # it has run the query before: it has a loop of its own
            site.inner = between.f_trace = Mark(between.f_code, site.around)
        site.passes += 1
        span.trace.suspect = True
        site.add(span, value)
        operation.latest = site
        return True
    return False


def _is_known(operation: Operation, key: Hashable, span: Span, value: int) -> bool:
    """Whether this run came by a way that an earlier trace of the route has taken; counts it.

    As long as all runs of the operation did. A recording knows nothing of earlier traces.
    """
    ways = known.get(key)
    if ways.__class__ is not list or operation.looks or span.trace.recorder.thorough:
        return False
    for way in ways:
        frame = _loop(way)
        if frame is None:
            continue
        mark = frame.f_trace or Mark.alone(frame.f_code)
        between = getframe(4 + way.far) if way.far > way.near else None
        if type(mark) is not Mark or (between is not None and between.f_trace is not None):
            return False
        frame.f_trace = mark
        site = next((each for each in operation.sites if each.known is way), None)
        if site is None:
            site = way.again(way)
            operation.sites.append(site)
        if site.loop is mark:
            site.passes += 1
            span.trace.suspect = True
        else:
            site.begin(mark)
        if between is not None:
            site.inner = between.f_trace = Mark(between.f_code, site.around)
        site.add(span, value)
        operation.latest = site
        return True
    return False


def _loop(way: Site) -> FrameType | None:
    """The frame that runs the loop, if the frames around this run are those of ``way``."""
    try:  # outside of this, its caller, _noticed, notice, its caller and the hook
        frame = getframe(6 + way.far)
        if frame.f_code is not way.loop_code or position(frame) != way.at:
            return None
        near = getframe(6 + way.near)
    except ValueError:  # the stack is not that deep
        return None
    is_taken = near.f_code is way.query_code and position(near) == way.query_at
    return frame if is_taken else None


def _remember(operation: Operation, key: Hashable, site: Site) -> None:
    """Know in the traces to come what is run once, and the way by which something is repeated.

    A way that can be told by its frames: tasks and threads lie between others.
    """
    before = known.get(key, 0)
    if site.met is None:
        if operation.looks == 1 and operation.unseen is None and isinstance(before, int):
            if len(known) >= MAX_KNOWN:
                known.clear()
            known[key] = before + 1
        return
    ways = [] if isinstance(before, int) else before
    known[key] = ways
    if site.far and len(ways) < MAX_WAYS and not any(site.is_way(way) for way in ways):
        try:
            # outside of this, _look, _noticed, notice, its caller and the hook
            frame = getframe(6 + site.far)
        except ValueError:
            return
        if frame.f_trace is site.loop:
            ways.insert(0, site.again())


def _look(
    operation: Operation,
    key: Hashable,
    span: Span,
    value: int,
    explain: Explain | None,
    inner: Mark | None = None,
) -> None:
    """Find the way by which this run came, among those that are known or as a new one.

    ``inner`` is an activation inside of the known loop that has run the operation before.
    """
    operation.looks += 1
    trace = span.trace
    if trace.foreign is None:
        trace.foreign = {}
    frame = getframe(5)  # outside of this, _noticed, notice, its caller and the hook
    at, fresh = stand(frame, trace.foreign)
    query = _query(at)
    found, met = _taken(operation, at, query)
    if inner is not None and query is not None and query.mark is inner and found is None:
        found, met = operation.latest, Meeting(inner, query.position, query.position, None)
    if found is None:
        if len(operation.sites) >= MAX_SITES and operation.latest is not None:
            found = operation.latest
        else:
            found = Site(at, query)
            operation.sites.append(found)
    if met is not None:
        before = found.met
        found.join(at, met)
        _absorb(operation, found, at)
        if query is not None:
            found.query_at = query.position
        if before is None and explain is not None:
            found.facts = explain(span, at, fresh)
        trace.suspect = True
    found.turn(turns(frame))
    found.add(span, value)
    operation.latest = found
    if not trace.recorder.thorough:
        operation.taken.append(found)
        _remember(operation, key, found)


def _absorb(operation: Operation, found: Site, at: Stand) -> None:
    """A loop that was known has one of its own inside now: what counted for it is of that."""
    for other in operation.sites[:]:
        if other.known is None or other.query_code is not found.query_code:
            continue
        is_around = any(
            each.mark is other.loop and each.position == other.at for each in at.outwards()
        )
        if is_around and other.query_at == found.query_at:
            if other is found:
                found.known = None
            else:
                found.absorb(other)
                operation.sites.remove(other)


def asked(span: Span, frame: FrameType) -> Stand | None:
    """The application's line for which ``frame`` runs; None where a library runs it by itself."""
    trace = span.trace
    if trace.foreign is None:
        trace.foreign = {}
    return _query(stand(frame, trace.foreign)[0])


def _query(at: Stand) -> Stand | None:
    """The application's line that runs the operation, or what it wrote for an interpreter.

    The innermost one; None where a library does all that a request asks for.
    """
    for each in at.outwards():
        code = each.mark.code
        if each.part is not None or id(code) in sources or application.owns(code):
            return each
        if id(code) in borders:
            return None
    return None


def _taken(
    operation: Operation, at: Stand, query: Stand | None
) -> tuple[Site | None, Meeting | None]:
    """The known way to here, and what made the same call again; the innermost such."""
    found: Site | None = None
    closest: Meeting | None = None
    for site in operation.sites:
        if site.stand is None or not _same_line(site.query, query):
            continue
        met = meeting(site.stand, at)
        if met is None or not _is_pass(met, at):
            continue
        if closest is None or met.mark.depth > closest.mark.depth:
            found, closest = site, met
    return found, closest


def _same_line(one: Stand | None, two: Stand | None) -> bool:
    if one is None or two is None:
        return one is two
    code = one.mark.code
    if code is not two.mark.code:
        return False
    return is_same(code, one.position, two.position) if one.part is None else one.part == two.part


def _is_pass(met: Meeting, at: Stand) -> bool:
    """Whether the same activation made the same call again, or a function calls itself."""
    if is_loops_own(met.mark.code) or id(met.mark.code) in chains:
        return False
    code = met.mark.code
    if is_same(code, met.first, met.second):
        return True
    is_own = id(code) in sources or application.owns(code)
    driver = None if is_own else _driver(met.mark)
    if not is_own and driver is None:
        return False
    for each in at.outwards():
        if each.mark is met.mark:
            return False
        # A library's calls itself for all kinds of things: it must be for the same one.
        if each.mark.code is code and (is_own or _driver(each.mark) == driver):
            return True
    return False


def _driver(mark: Mark) -> tuple[int, Position] | None:
    """For what an interpreter was called: the innermost thing that the user wrote around it."""
    outer = Stand(mark, 0, None).out()
    ways = iter(()) if outer is None else outer.outwards()
    found = next((each for each in ways if each.part is not None), None)
    return None if found is None else (id(found.mark.code), found.position)


def after_fork_in_child() -> None:
    """Nobody looks: the thread that may have done so is the parent's."""
    global _looking  # noqa: PLW0603 - a lock of this process
    _looking = threading.RLock()


def forget() -> None:
    """Know nothing of earlier traces: for tests."""
    known.clear()
