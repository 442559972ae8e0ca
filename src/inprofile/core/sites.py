"""One way in which a trace runs an operation again and again, and what is known of it."""

from collections.abc import Callable
from types import FrameType
from typing import NamedTuple

from inprofile.core.frames import Mark, Meeting, Position, Stand
from inprofile.core.model import Location, Span

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
