"""One way in which a trace runs an operation again and again, and what is known of it."""

from collections.abc import Callable
from types import CodeType, FrameType
from typing import NamedTuple

from inprofile.core.frames import Mark, Meeting, Position, Stand
from inprofile.core.model import Location, Span
from inprofile.core.turns import Turns

MAX_TURNS = 4
"""Pairs of runs of which it is looked at which loop has gone on between them."""

MAX_ELEMENTS = 10_000
"""Distinct elements and spans remembered of one site."""


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


Explain = Callable[[Span, Stand, list[FrameType]], Facts]
"""Called once for each site of this process, while the operation runs: its span, where it is
called, and the frames from the inside out that are not around the loop as well."""


class Site:
    """One way in which a trace runs an operation: its line, and what makes the call again.

    ``count`` is how often, ``elements`` for how many different parameters. ``met`` is the
    innermost activation that made the same call again, None while nothing has, and ``way`` the
    one that was taken then; ``passes`` how often one did. ``far`` and ``near`` are how many
    frames out from the operation that and the query are, 0 while that is not known, and
    ``inner`` what the loop had called at last. ``known`` is the way of an earlier trace that this
    one was recognised by; then nobody has looked, and there is no ``stand``. ``turns`` is where
    loops within loops stood at the last run that was looked at, and ``turned`` what those around
    the innermost one had changed from one such run to the next.
    """

    __slots__ = (
        "around",
        "at",
        "count",
        "elements",
        "facts",
        "far",
        "inner",
        "known",
        "loop",
        "loop_code",
        "met",
        "near",
        "passes",
        "query",
        "query_at",
        "query_code",
        "spans",
        "stand",
        "turned",
        "turns",
        "way",
    )

    def __init__(self, stand: Stand, query: Stand | None, known: "Site | None" = None) -> None:
        self.stand: Stand | None = stand
        self.way = stand
        self.known = known
        self.query = query
        self.count = self.passes = self.far = self.near = 0
        self.elements: set[int] = set()
        self.spans: list[Span] = []
        self.met: Meeting | None = None
        self.facts = NOTHING
        self.loop: Mark | None = None
        self.loop_code: CodeType | None = None
        self.at: Position = 0
        self.around: Stand | None = None
        self.inner: Mark | None = None
        self.turns: Turns = {}
        self.turned: tuple[frozenset[str], ...] = ()
        self.query_code = None if query is None else query.mark.code
        self.query_at: Position = 0 if query is None else query.position

    def again(self, known: "Site | None" = None) -> "Site":
        """The same way without its runs: to be ``known``, and for a trace that takes it."""
        site = Site(self.way, self.query, known)
        site.stand = None
        site.met, site.facts, site.turned = self.met, self.facts, self.turned
        site.loop_code = None if self.met is None else self.met.mark.code
        site.at, site.far, site.near = self.at, self.far, self.near
        site.query_at = self.query_at
        return site

    def is_way(self, other: "Site") -> bool:
        """Whether the other one is known by the same frames."""
        met, others = self.met, other.met
        return (
            (self.at, self.far, self.near) == (other.at, other.far, other.near)
            and self.query_at == other.query_at
            and self.query_code is other.query_code
            and met is not None
            and others is not None
            and met.mark.code is others.mark.code
        )

    def begin(self, loop: Mark) -> None:
        """The loop runs in this activation from now on."""
        self.loop = loop
        self.around = Stand(loop, self.at, None)
        self.inner = None

    def add(self, span: Span, value: int) -> None:
        """Count one run."""
        self.count += 1
        if self.count <= MAX_ELEMENTS:
            self.elements.add(value)
            self.spans.append(span)

    def absorb(self, other: "Site") -> None:
        """Count the runs of another one as this one's."""
        self.count += other.count
        self.passes += other.passes
        room = MAX_ELEMENTS - len(self.spans)
        self.spans += other.spans[: max(room, 0)]
        self.elements |= other.elements

    def turn(self, now: Turns) -> None:
        """Note which of the loops around has gone on since the last run.

        As long as it was not the innermost one, it may yet be that at the next run.
        """
        before, self.turns = self.turns, now
        met = self.met
        if met is None or len(self.turned) >= MAX_TURNS:
            return
        one, two = before.get(met.mark), now.get(met.mark)
        if one is None or two is None or (self.turned and not self.turned[-1]):
            return
        changed = frozenset(name for name in two if two[name] != one.get(name))
        self.turned = (*self.turned, changed)
        if changed and len(self.turned) < MAX_TURNS:
            self.far = 0

    def join(self, at: Stand, met: Meeting) -> None:
        """Count that this way was taken again: ``met`` made the same call."""
        self.stand = at
        self.passes += 1
        if self.met is None or met.mark.depth >= self.met.mark.depth:
            if self.met is not None and self.met.mark.code is not met.mark.code:
                self.turned = ()
            self.met = met
            self.loop, self.loop_code, self.at = met.mark, met.mark.code, met.second
            self.way = at
        if self.query is not None and self.loop is not None:
            self.inner = None
            for each in at.outwards():
                if each.mark is self.loop:
                    self.around = each
                    break
                self.inner = each.mark
            self.far = at.mark.depth - self.loop.depth
            self.near = at.mark.depth - self.query.mark.depth
