"""What is wrong, as cards: one for each finding, with the lines of code and what to write."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from inprofile.analysis.facts import Facts
from inprofile.analysis.findings import LOOPED, FindingSummary, Place
from inprofile.analysis.growth import CONSTANT, GROWS, UNKNOWN, VARIES, Growth
from inprofile.core import wording
from inprofile.report import tables
from inprofile.report.units import duration, place, plural

TITLE = "Findings in kept traces"

STEEP = 1.5
"""From this power of the rows on, queries grow faster than they: there is a loop in the loop."""


@dataclass(frozen=True, slots=True)
class Line:
    """One fact of a card: what it is, in words or as a place, and as code."""

    label: str
    text: str = ""
    code: str = ""
    is_place: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """``about`` is what the finding is about (code), ``amount`` how much of it there is."""

    title: str
    route: str
    about: str
    amount: str
    lines: tuple[Line, ...]


def cards(facts: Facts, top: int, below: Path | None = None) -> tuple[Card, ...]:
    """The ``top`` findings, the costliest first; paths are shown from ``below`` on.

    That is the current directory unless another is given.
    """
    directory = below or Path.cwd()
    return tuple(_card(each, facts, directory) for each in facts.findings[:top])


def left_out(facts: Facts, top: int) -> str:
    """How many findings are not shown, and what they cost; empty when all are."""
    return tables.left_out(facts.findings[top:], "finding", lambda each: each.cost_ns)


def _card(finding: FindingSummary, facts: Facts, below: Path) -> Card:
    minor = f" ({finding.severity} severity)" if finding.severity else ""
    return Card(
        title=wording.title(finding.kind) + minor,
        route=tables.issuer(facts.requests, finding.route),
        about=finding.relation or finding.statement,
        amount=_amount(finding),
        lines=tuple(_lines(finding, _noun(finding, facts), below)),
    )


def _amount(finding: FindingSummary) -> str:
    amount = wording.amount(
        finding.kind,
        finding.operation,
        finding.relation,
        finding.typical_count,
        finding.typical_elements,
    )
    if amount and finding.growth is not None and finding.growth.least != finding.growth.most:
        amount = f"typically {amount}"
    share = wording.share(finding.share) if finding.share else ""
    return ", ".join(filter(None, [amount or finding.evidence, share]))


def _noun(finding: FindingSummary, facts: Facts) -> str:
    is_request = any(each.route == finding.route for each in facts.requests.routes)
    return "request" if is_request else "run"


def _lines(finding: FindingSummary, noun: str, below: Path) -> Iterator[Line]:
    if finding.loop is not None:
        yield _placed("loop", finding.loop, None, below)
    if finding.query is not None:
        yield _placed(wording.place(finding.kind), finding.query, finding.loop, below)
    if finding.relation and finding.statement:
        yield Line("runs", code=finding.statement)
    if finding.fix:
        is_code = finding.kind in LOOPED
        yield Line("fix", "" if is_code else finding.fix, finding.fix if is_code else "")
        if finding.where is not None:
            yield _placed("in", finding.where, finding.loop, below)
    if finding.saving_ns is not None:
        least, most = map(duration, finding.saving_ns)
        yield Line("saves", f"{least} … {most} per {noun}")
    if finding.growth is not None:
        yield Line("growth", _growth(finding, finding.growth))
    yield Line("seen", _seen(finding, noun))


def _growth(finding: FindingSummary, growth: Growth) -> str:
    seen = plural(growth.traces, "trace")
    ranged = growth.least if growth.least == growth.most else f"{growth.least:,} … {growth.most:,}"
    runs = wording.runs(finding.kind, finding.operation, ranged)
    if finding.kind == "repeated_query":  # for one element, so it grows with something else
        always = "always" if growth.verdict == CONSTANT else "differs:"
        return (
            f"n/a: seen in {seen}" if growth.verdict == UNKNOWN else f"{always} {runs}, in {seen}"
        )
    noun = wording.element(finding.kind, finding.operation, finding.relation)
    each = f", {duration(growth.element_ns)} a {noun}" if growth.element_ns else ""
    if growth.verdict == GROWS:
        faster = growth.power is not None and growth.power >= STEEP
        how = f"grows faster than the {noun}s" if faster else f"grows with the {noun}s"
        return f"{how}: {runs} in {seen}{each}"
    if growth.verdict == VARIES:
        return f"differs, not with the {noun}s: {runs} in {seen}"
    if growth.verdict == CONSTANT:
        return f"always {runs}, in {seen}{each}"
    return f"n/a: seen in {seen}{each}"


def _seen(finding: FindingSummary, noun: str) -> str:
    kept, cost = f"in {plural(finding.traces, 'kept trace')}", duration(finding.cost_ns)
    if finding.times is not None and not finding.traces:
        return f"{plural(finding.times, noun)} had it, {cost} in all"
    if finding.times is None:
        return f"{kept}, {cost} in all; in how many {noun}s: n/a"
    about = "about " if finding.estimated else ""
    return f"{kept}; {about}{plural(finding.times, noun)} had it, {cost} in all"


def _placed(label: str, where: Place, loop: Place | None, below: Path) -> Line:
    if where == loop:
        return Line(label, "the line of the loop")
    path = Path(where.file)
    file = str(path.relative_to(below)) if path.is_relative_to(below) else place(where.file)
    text = f"{file}:{where.line} {where.function}".rstrip()
    return Line(label, text, where.source, is_place=True)
