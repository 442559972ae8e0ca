"""Operations that one trace runs again and again, and from where: the evidence of N+1.

The first run of an operation costs a look into a dictionary. Its repeats are told apart by the
way from the frame that makes the same call again (the loop) to the application's line that runs
the operation. Once that way is known, a repeat that takes it is known again by two frames.
"""

import sys
from collections.abc import Callable, Hashable
from contextvars import ContextVar
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import FrameType
from typing import Any, NamedTuple
from uuid import UUID

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

MAX_OPERATIONS = 1000
"""Different operations of one trace that are watched; repeats of others are not seen."""

MAX_SITES = 64
"""Ways to one operation that are told apart in one trace."""

MAX_LOOKS = 24
"""Runs of one operation in one trace whose frames are looked at; those after them count for the
way that was taken last. A recording looks at all."""

MAX_ELEMENTS = 10_000
"""Distinct elements and spans remembered of one site."""

CALM = 2
"""So many traces that run an operation once, and its first run is no longer looked at."""

MAX_KNOWN = 8192
"""Operations remembered by this process."""

SHORT = frozenset((int, float, bool, type(None), UUID, date, timedelta))
"""Types whose values may be hashed as they are: no code of the user's runs. Those that are neither
these, nor text, bytes, decimals and times, count by identity."""

MAX_VALUES = 64
MAX_TEXT = 1024
"""Parameters, and characters of one, that are looked at to tell elements apart."""

getframe = sys._getframe  # noqa: SLF001 - what tells who calls


class Facts(NamedTuple):
    """What an integration knows about an operation in a loop: which relation, what to do instead.

    ``relation`` is ``Model.attribute`` or empty, ``fix`` the code to add, ``where`` the line it
    belongs to: where the elements of the loop were loaded. ``batch`` says whether one batched
    operation could serve; where it could not there is nothing to report. ``few`` says that two
    different elements are enough, as they are of a relation; ``each`` that every run is for a row
    of its own, whatever its parameters.
    """

    relation: str = ""
    fix: str = ""
    where: Location | None = None
    batch: bool = True
    few: bool = False
    each: bool = False


NOTHING = Facts()

ignoring: ContextVar[Hashable] = ContextVar("inprofile_ignoring", default=None)
"""What was said about the findings of what runs now: plain data, compared by value."""

Explain = Callable[[Span, Stand, list[FrameType]], Facts]
"""Called once for each site of this process, while the operation runs: its span, where it is
called, and the frames from the inside out that are not around the loop as well."""


def element(values: object) -> int:
    """A number by which the parameters of an operation are told apart from others.

    Looks at values of the standard library's types alone and keeps none. Costs 0.1 microseconds
    for a number.
    """
    kind = type(values)
    if kind is tuple:
        if len(values) == 1 and type(values[0]) is int:  # type: ignore[arg-type, index]
            return hash(values[0])  # type: ignore[index]
    elif kind is dict:
        values = tuple(values.values())  # type: ignore[attr-defined]
    elif kind is not list:
        values = (values,)
    if SHORT.issuperset(map(type, values)):  # type: ignore[call-overload]
        return hash(tuple(values))  # type: ignore[arg-type]
    return hash(tuple(map(_part, values[:MAX_VALUES])))  # type: ignore[index]


def _part(value: Any) -> Any:
    """What is hashed of one value."""
    kind = type(value)
    if kind in SHORT:
        return value
    if kind is str or kind is bytes:
        return value if len(value) <= MAX_TEXT else (len(value), value[:MAX_TEXT])
    if kind is tuple or kind is list:
        return tuple(map(_part, value[:MAX_VALUES]))
    if kind is Decimal:
        return str(value)  # a signalling NaN cannot be hashed
    if kind is datetime or kind is time:
        return value.replace(tzinfo=None)  # a zone may be anybody's code
    return id(value)


class Site:
    """One way in which a trace runs an operation: its line, and what makes the call again.

    ``count`` is how often, ``elements`` for how many different parameters. ``met`` is the
    innermost activation that made the same call again, None while nothing has, and ``way`` the
    one that was taken then; ``passes`` how often one did. ``far`` and ``near`` are how many
    frames out from the operation that and the query are, 0 while that is not known, and
    ``inner`` what the loop had called at last.
    """

    __slots__ = (
        "around",
        "at",
        "count",
        "elements",
        "facts",
        "far",
        "inner",
        "loop",
        "met",
        "near",
        "passes",
        "query",
        "query_at",
        "query_code",
        "spans",
        "stand",
        "way",
    )

    def __init__(self, stand: Stand, query: Stand | None) -> None:
        self.stand = self.way = stand
        self.query = query
        self.count = self.passes = self.far = self.near = 0
        self.elements: set[int] = set()
        self.spans: list[Span] = []
        self.met: Meeting | None = None
        self.facts = NOTHING
        self.loop: Mark | None = None
        self.at: Position = 0
        self.around: Stand | None = None
        self.inner: Mark | None = None
        self.query_code = None if query is None else query.mark.code
        self.query_at: Position = 0 if query is None else query.position

    def add(self, span: Span, value: int) -> None:
        """Count one run."""
        self.count += 1
        if self.count <= MAX_ELEMENTS:
            self.elements.add(value)
            self.spans.append(span)

    def join(self, at: Stand, met: Meeting) -> None:
        """Count that this way was taken again: ``met`` made the same call."""
        self.stand = at
        self.passes += 1
        if self.met is None or met.mark.depth >= self.met.mark.depth:
            self.met = met
            self.loop, self.at = met.mark, met.second
            self.way = at
        if self.query is not None and self.loop is not None:
            self.around = next((each for each in at.outwards() if each.mark is self.loop), None)
            self.far = at.mark.depth - self.loop.depth
            self.near = at.mark.depth - self.query.mark.depth


class Operation:
    """One operation of a trace: a statement, a request's template or a cache's command.

    ``subject`` is the relation for which it runs, if it is known then: two relations may run
    the same statement. ``unseen`` is its first run, where nobody looked from where it came;
    ``ignored`` is what was ``ignoring`` it, if anything was.
    """

    __slots__ = ("ignored", "latest", "looks", "name", "sites", "subject", "unseen")

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


calm: dict[Hashable, int] = {}
"""In how many traces of this process an operation was run once; below 0 once it was repeated."""


def notice(  # noqa: C901, PLR0912 - written out: this is the price of every repeat
    span: Span, value: int, subject: Hashable = None, explain: Explain | None = None
) -> None:
    """Take note that ``span`` begins, for the element ``value``.

    To be called by ``looked_up`` or the like, which a hook of a timing wrapper calls. What serves
    many elements at once is not to be noted. Costs 0.3 microseconds for what is run once, 0.6
    for a repeat that came by a known way, and some 10 for the first few.
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
    if operation.__class__ is not Operation:
        if operation is None:
            if calm.get(key, 0) >= CALM and not trace.recorder.thorough:
                if len(operations) < MAX_OPERATIONS:
                    operations[key] = span, value  # an operation of its own, once it is repeated
                return
            if len(operations) >= MAX_OPERATIONS:
                return
        operation = operations[key] = Operation(span.name, subject, operation, ignored)
        _look(operation, span, value, explain)
        _remember(key, is_repeated=operation.unseen is not None)
        return
    site: Site = operation.latest
    inner: Any = None
    if site.far:
        try:
            frame = getframe(3 + site.far)
            if frame.f_trace is site.loop and (
                frame.f_lasti == site.at
                or (site.at.__class__ is tuple and position(frame) == site.at)
            ):
                near = site.near
                frame = getframe(3 + near)
                if frame.f_code is site.query_code and (
                    frame.f_lasti == site.query_at
                    or (near == site.far and site.query_at == site.at)
                    or (site.query_at.__class__ is tuple and position(frame) == site.query_at)
                ):
                    if site.far > near:
                        frame = getframe(2 + site.far)
                        inner = frame.f_trace
                        if inner is None:
                            inner = frame.f_trace = Mark(frame.f_code, site.around)
                    if inner is None or inner is not site.inner:
                        site.inner = inner
                        site.passes += 1
                        site.count += 1
                        if site.count <= MAX_ELEMENTS:
                            site.elements.add(value)
                            site.spans.append(span)
                        return
        except ValueError:  # the stack is not that deep
            pass
    if operation.looks >= MAX_LOOKS and not trace.recorder.thorough:
        site.passes += 1
        site.add(span, value)
        return
    _look(operation, span, value, explain, inner)
    _remember(key, is_repeated=True)


def _remember(key: Hashable, *, is_repeated: bool) -> None:
    """What is run once in each trace is soon no longer looked at."""
    times = calm.get(key, 0)
    if is_repeated:
        calm[key] = -1
    elif times >= 0:
        if len(calm) >= MAX_KNOWN:
            calm.clear()
        calm[key] = times + 1


def _look(
    operation: Operation,
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
    at, fresh = stand(getframe(4), trace.foreign)  # outside of notice, its caller and the hook
    query = _query(at)
    found, met = _taken(operation, at, query)
    if found is None:
        if len(operation.sites) >= MAX_SITES and operation.latest is not None:
            found = operation.latest
        else:
            found = Site(at, query)
            operation.sites.append(found)
    if met is not None:
        if inner is not None and query is not None and query.mark is inner:
            met = Meeting(inner, query.position, query.position, None)
        found.join(at, met)
        if query is not None:
            found.query_at = query.position
        if found.passes == 1 and explain is not None:
            found.facts = explain(span, at, fresh)
        trace.suspect = True
    found.add(span, value)
    operation.latest = found


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
        if not _same_line(site.query, query):
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


def forget() -> None:
    """Know nothing of earlier traces: for tests."""
    calm.clear()
