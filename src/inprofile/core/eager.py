"""Rows that a query loads with others before anybody has asked for them, and whether anybody does.

Known in recordings that ask for it alone: to know whether a row is read, every read is looked at.
"""

from collections.abc import Hashable
from typing import TYPE_CHECKING

from inprofile.core.frames import Stand
from inprofile.core.model import Span
from inprofile.core.repeats import ignoring

if TYPE_CHECKING:
    from inprofile.core.model import Trace

MAX_EAGER = 1000
"""Eager loads remembered of one trace."""

Load = Hashable
"""What tells the queries of a trace apart: their line, and what they load."""


class Eager:
    """One relation that one line loads with its rows.

    ``relation`` is ``Model.attribute``, ``code`` what asks for it and for nothing else ("" where
    it is on the way to another one), ``kept`` what would load it alone. ``asked`` is the
    application's line that ran the query, ``outer`` the relation through which the rows were
    reached. ``rows`` is for how many it loaded anything, ``is_read`` whether one of those was
    asked for it. Holds nothing of the user's.
    """

    __slots__ = (
        "asked",
        "code",
        "ignored",
        "is_read",
        "kept",
        "load",
        "outer",
        "relation",
        "rows",
        "statement",
    )

    def __init__(self, load: Load, relation: str, asked: Stand | None) -> None:
        self.load = load
        self.relation = relation
        self.asked = asked
        self.code = self.kept = self.statement = ""
        self.outer: Eager | None = None
        self.rows = 0
        self.is_read = False
        self.ignored = ignoring.get()

    def read(self) -> None:
        """Somebody asks for it, and so has asked for those around it."""
        each: Eager | None = self
        while each is not None and not each.is_read:
            each.is_read = True
            each = each.outer


def loaded(
    span: Span, load: Load, path: tuple[str, ...], relation: str, asked: Stand | None
) -> Eager | None:
    """What ``load`` loads along ``path``: the same for every time that the line is run."""
    trace: Trace = span.trace
    known = trace.eager
    if known is None:
        known = trace.eager = {}
    eager: Eager | None = known.get((load, path))
    if eager is None and len(known) < MAX_EAGER:
        eager = known[load, path] = Eager(load, relation, asked)
    return eager


def statement(span: Span) -> str:
    """What was run last."""
    last = span.trace.last_statement
    return "" if last is None else str(last[1].name)
