"""Relations that were loaded with their rows and that nobody has asked those rows for."""

from collections.abc import Hashable, Iterator

from inprofile.core.eager import Eager
from inprofile.core.model import Finding, Trace
from inprofile.detectors import places

ROWS_MIN = 2
"""Rows from which on it is reported: for a single one it costs next to nothing. The same number as
that of the parents from which on a relation is loaded one by one."""


def detect(trace: Trace) -> Iterator[Finding]:
    """One finding for each line and relation; of one within another the outer one alone.

    Nothing is known of a trace that was not recorded for this. What is read after its end is
    read as well, until this is asked.
    """
    for finding, _ in found(trace):
        yield finding


def found(trace: Trace) -> Iterator[tuple[Finding, Hashable]]:
    """The findings, each with what was ``ignoring`` the query while it ran."""
    known: list[Eager] = list((trace.eager or {}).values())
    for eager in known:
        is_outermost = eager.outer is None or eager.outer.is_read
        if not eager.is_read and is_outermost and eager.rows >= ROWS_MIN:
            yield _finding(trace, eager, known), eager.ignored


def _finding(trace: Trace, eager: Eager, known: list[Eager]) -> Finding:
    query = None if eager.asked is None else places.place(eager.asked)
    return Finding(
        kind="unused_eager_load",
        route=trace.route,
        statement=eager.statement,
        count=eager.rows,
        total_ns=0,  # a join has no time of its own
        evidence=f"loaded for {eager.rows} rows, none of which was asked for it",
        fix=_fix(eager, known),
        query=query,
        where=query,
        relation=eager.relation,
        operation="read",
        elements=eager.rows,
        severity="low",
    )


def _fix(eager: Eager, known: list[Eager]) -> str:
    """What to take away, and what to put there instead where that has loaded more than this."""
    codes = [each.code for each in known if each.code and _is_within(each, eager)]
    fix = f"remove {', '.join(dict.fromkeys(codes))}"
    outer = eager.outer
    if outer is None or outer.load != eager.load or outer.code or not outer.kept:
        return fix
    is_kept = any(each.is_read and each is not outer and _is_within(each, outer) for each in known)
    return fix if is_kept else f"{fix} and keep {outer.kept}"


def _is_within(eager: Eager, outer: Eager) -> bool:
    """Whether what one query loads comes with ``outer``, or is that."""
    each: Eager | None = eager
    while each is not None and each is not outer:
        each = each.outer
    return each is not None and eager.load == outer.load
