"""Operations that one trace runs again and again, and from where: the evidence of N+1.

The first run of an operation costs a look into a dictionary. Its repeats are told apart by the
way from the frame that makes the same call again (the loop) to the application's line that runs
the operation. Once that way is known, a repeat that takes it is known again by two frames.
"""

import sys
from collections.abc import Callable, Hashable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import FrameType
from typing import NamedTuple
from uuid import UUID

from inprofile.core.application import application
from inprofile.core.frames import (
    Mark,
    Meeting,
    Stand,
    borders,
    chains,
    is_loops_own,
    meeting,
    part,
    position,
    sources,
    stand,
)
from inprofile.core.model import Location, Span

MAX_OPERATIONS = 1000
"""Different operations of one trace that are watched; repeats of others are not seen."""

MAX_SITES = 16
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

SIMPLE = frozenset(
    (int, str, bytes, float, bool, type(None), UUID, Decimal, date, datetime, time, timedelta)
)
"""Types whose values may be hashed: no code of the user's runs. Others count by identity."""

MAX_VALUES = 64
MAX_TEXT = 1024
"""Parameters, and characters of one, that are looked at to tell elements apart."""

getframe = sys._getframe  # noqa: SLF001 - what tells who calls


class Facts(NamedTuple):
    """What an integration knows about an operation in a loop: which relation, what to do instead.

    ``relation`` is ``Model.attribute`` or empty, ``fix`` the code to add, ``where`` the line it
    belongs to: where the elements of the loop were loaded. ``batch`` says whether one batched
    operation could serve; where it could not there is nothing to report.
    """

    relation: str = ""
    fix: str = ""
    where: Location | None = None
    batch: bool = True


NOTHING = Facts()

Explain = Callable[[Span, Stand, list[FrameType]], Facts]
"""Called once for each site of this process, while the operation runs: its span, where it is
called, and the frames from the inside out that are not around the loop as well."""


def element(values: object) -> int:
    """A number by which the parameters of an operation are told apart from others.

    Looks at values of SIMPLE types alone and keeps none. Costs 0.3 microseconds.
    """
    kind = type(values)
    if kind is tuple or kind is list:
        return hash(tuple([_part(value) for value in values[:MAX_VALUES]]))  # type: ignore[index]
    if kind is dict:
        return hash(tuple([_part(value) for value in list(values.values())[:MAX_VALUES]]))  # type: ignore[attr-defined]
    return hash(_part(values))


def _part(value: object) -> Hashable:
    kind = type(value)
    if kind is int:
        return value
    if kind in SIMPLE:
        if (kind is str or kind is bytes) and len(value) > MAX_TEXT:  # type: ignore[arg-type]
            return len(value), value[:MAX_TEXT]  # type: ignore[arg-type, index]
        return kind, value
    if kind is tuple or kind is list:
        return tuple([_part(each) for each in value[:MAX_VALUES]])  # type: ignore[index]
    return id(value)


class Site:
    """One way in which a trace runs an operation: its line, and what makes the call again.

    ``count`` is how often, ``elements`` for how many different parameters. ``met`` is the
    innermost activation that made the same call again, None while nothing has; ``passes`` how
    often one did.
    """

    __slots__ = (
        "count",
        "elements",
        "facts",
        "far",
        "met",
        "near",
        "operation",
        "passes",
        "query",
        "spans",
        "stand",
    )

    def __init__(self, operation: "Operation", stand: Stand, query: Stand | None) -> None:
        self.operation = operation
        self.stand = stand
        self.query = query
        self.count = self.passes = 0
        self.elements: set[int] = set()
        self.spans: list[Span] = []
        self.met: Meeting | None = None
        self.facts = NOTHING
        self.far = self.near = 0

    def add(self, span: Span, value: int) -> None:
        """Count one run."""
        self.count += 1
        if len(self.spans) < MAX_ELEMENTS:
            self.elements.add(value)
            self.spans.append(span)

    def join(self, at: Stand, met: Meeting) -> None:
        """This way was taken again: ``met`` made the same call."""
        self.stand = at
        self.passes += 1
        depth = at.mark.depth
        if self.met is None or met.mark.depth >= self.met.mark.depth:
            self.met = met
        self.far = depth - met.mark.depth
        self.near = -1 if self.query is None else depth - self.query.mark.depth

    def is_taken(self, base: int) -> bool:
        """Whether the call that is ``base`` frames outside of this one came the same way.

        A function between the loop and the query must have been called anew: where it had run
        the query before, it has a loop of its own. Costs 0.4 microseconds, 0.7 with such a one.
        """
        met, query = self.met, self.query
        if met is None or self.near < 0 or query is None:
            return False
        try:
            frame = getframe(base + 1 + self.far)
            at = position(frame)
            if frame.f_trace is not met.mark or at != met.second:
                return False
            near = getframe(base + 1 + self.near)
            if near.f_code is not query.mark.code or position(near) != query.position:
                return False
            if self.far > self.near:
                inner = getframe(base + self.far)
                if inner.f_trace is not None:
                    return False
                inner.f_trace = Mark(inner.f_code, Stand(met.mark, at, part(frame)))
        except ValueError:
            return False
        return True


class Operation:
    """One operation of a trace: a statement, a request's template or a cache's command.

    ``subject`` is the relation for which it runs, if it is known then: two relations may run
    the same statement.
    """

    __slots__ = ("count", "latest", "looks", "name", "sites", "subject", "unseen")

    def __init__(self, name: str | Location, subject: Hashable) -> None:
        self.name = name
        self.subject = subject
        self.count = self.looks = 0
        self.sites: list[Site] = []
        self.latest: Site | None = None
        self.unseen: tuple[Span, int] | None = None
        """The first run, where nobody looked from where it came."""


calm: dict[Hashable, int] = {}
"""In how many traces of this process an operation was run once; below 0 once it was repeated."""


def notice(
    span: Span, value: int, subject: Hashable = None, explain: Explain | None = None
) -> None:
    """Take note that ``span`` begins, for the element ``value``.

    To be called by ``looked_up`` or the like, which a hook of a timing wrapper calls. What serves many
    elements at once is not to be noted. Costs 0.2 microseconds for what is run once, 0.8 for
    a repeat that came by a known way, and some 10 for the first few.
    """
    trace = span.trace
    operations = trace.operations
    if operations is None:
        operations = trace.operations = {}
    key: Hashable = span.name if subject is None else (span.name, subject)
    operation = operations.get(key)
    if operation is None:
        if len(operations) >= MAX_OPERATIONS:
            return
        operation = operations[key] = Operation(span.name, subject)
        operation.count = 1
        times = calm.get(key, 0)
        if times >= CALM and not trace.recorder.thorough:
            operation.unseen = span, value
            return
        if times >= 0:
            if len(calm) >= MAX_KNOWN:
                calm.clear()
            calm[key] = times + 1
        _look(operation, span, value, explain)
        return
    operation.count += 1
    latest = operation.latest
    if latest is None:
        calm[key] = -1
    elif latest.is_taken(3) or (operation.looks >= MAX_LOOKS and not trace.recorder.thorough):
        latest.passes += 1
        latest.add(span, value)
        return
    elif calm.get(key, 0) >= 0:
        calm[key] = -1
    _look(operation, span, value, explain)


def _look(operation: Operation, span: Span, value: int, explain: Explain | None) -> None:
    """Find the way by which this run came, among those that are known or as a new one."""
    operation.looks += 1
    trace = span.trace
    if trace.foreign is None:
        trace.foreign = {}
    at, fresh = stand(
        getframe(4), trace.foreign
    )  # outside of notice, its caller, the hook and this
    query = _query(at)
    found, met = _taken(operation, at, query)
    if found is None:
        if len(operation.sites) >= MAX_SITES:
            found = operation.latest
            assert found is not None  # one of the sites
        else:
            found = Site(operation, at, query)
            operation.sites.append(found)
    if met is not None:
        found.join(at, met)
        if found.passes == 1 and explain is not None:
            found.facts = explain(span, at, fresh)
        trace.suspect = True
    found.add(span, value)
    operation.latest = found


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
    if one.mark.code is not two.mark.code:
        return False
    return one.position == two.position if one.part is None else one.part == two.part


def _is_pass(met: Meeting, at: Stand) -> bool:
    """Whether the same activation made the same call again, or a function calls itself."""
    if is_loops_own(met.mark.code) or id(met.mark.code) in chains:
        return False
    if met.first == met.second:
        return True
    code = met.mark.code
    if not application.owns(code):
        return False
    for each in at.outwards():
        if each.mark is met.mark:
            return False
        if each.mark.code is code:
            return True
    return False


def forget() -> None:
    """Know nothing of earlier traces: for tests."""
    calm.clear()


def spent_ns(site: Site) -> int:
    """The time of the runs of a site; of more than are remembered, by their average."""
    total_ns = sum(span.duration_ns for span in site.spans)
    return total_ns * site.count // max(len(site.spans), 1)
