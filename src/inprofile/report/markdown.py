"""The facts as Markdown: for an issue, a pull request or a chat."""

import re
from collections.abc import Iterable, Iterator

from inprofile.analysis.costs import costs
from inprofile.analysis.facts import Facts
from inprofile.analysis.routes import Route
from inprofile.analysis.work import Work
from inprofile.report import findings, notes, tables
from inprofile.report.findings import Line
from inprofile.report.tables import Row, Table
from inprofile.report.units import duration, mean, percent, place


def render(facts: Facts, top: int) -> str:
    """A whole document: ``top`` rows of every list, and how much the rest is."""
    return "\n".join(_lines(facts, top)) + "\n"


def _lines(facts: Facts, top: int) -> Iterator[str]:
    yield "# inprofile report"
    yield ""
    yield from _notes(notes.head(facts))
    if facts.requests.routes:
        yield from _table(tables.routes(facts.requests, top))
    for work, noun in ((facts.requests, "request"), (facts.jobs, "job")):
        for route in work.routes[:top]:
            if route.stages:
                yield from _stages(work, route, noun)
    for table in tables.tables(facts, top):
        yield from _table(table)
    yield from _findings(facts, top)
    yield from ("", "## What is not known", "")
    yield from _notes(notes.gaps(facts))
    yield from ("", "## How these numbers were obtained", "")
    yield from _notes(facts.how.items())


def _notes(pairs: Iterable[notes.Note]) -> Iterator[str]:
    return (f"- **{escaped(about)}**: {escaped(sentence)}" for about, sentence in pairs)


def _stages(work: Work, route: Route, noun: str) -> Iterator[str]:
    heading = f"## Stages of {code(tables.title(route))}"
    yield from ("", heading, "", f"{notes.stages_of(route, noun)}.", "")
    yield f"| stage | share | per {noun} | in {noun}s | p95 of those |"
    yield "|---|--:|--:|--:|--:|"
    for stage in route.stages:
        yield (
            f"| {stage.stage} | {stage.percent:.1f} % | {duration(stage.per_trace_ns)} "
            f"| {stage.traces:,} | {duration(stage.p95_ns)} |"
        )
    yield from ("", "Most of it:", "")
    for cost in costs(work, route)[: notes.COSTS]:
        often = f"{mean(cost.per_trace)} x per {noun}"
        yield f"- {percent(cost.share_of_route)} {cost.stage}: {code(place(cost.name))}, {often}"


def _findings(facts: Facts, top: int) -> Iterator[str]:
    if not facts.findings:
        return
    yield from ("", f"## {findings.TITLE}")
    for position, card in enumerate(findings.cards(facts, top), start=1):
        yield from ("", f"### {position}. {card.title} in {inline(card.route)}", "")
        yield from (f"{inline(card.about)}: {escaped(card.amount)}", "")
        for line in card.lines:
            yield from _fact(line)
    if left := findings.left_out(facts, top):
        yield from ("", left)


def _fact(line: Line) -> Iterator[str]:
    text = inline(line.text) if line.is_place else escaped(line.text)
    if "\n" in line.code:
        fence = "`" * (max(map(len, re.findall("`*", line.code))) + 3)
        yield from (f"- **{line.label}**: {text}".rstrip(), "", f"  {fence}python")
        yield from (f"  {row}".rstrip() for row in line.code.splitlines())
        yield from (f"  {fence}", "")
        return
    parts = [text if line.text else "", inline(line.code) if line.code else ""]
    yield f"- **{line.label}**: {': '.join(filter(None, parts))}"


def _table(table: Table) -> Iterator[str]:
    yield from ("", f"## {table.title}", "")
    yield _row(table.label, *table.columns)
    numbers = len(table.columns) - table.tail
    yield "|---|" + "--:|" * numbers + "---|" * table.tail
    for row in table.rows:
        yield _row(_label(row), *map(escaped, row.cells))
    if table.note:
        yield from ("", table.note)


def _label(row: Row) -> str:
    if row.below:
        return f"↳ {escaped(row.label)}"
    return code(row.label)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def code(text: str) -> str:
    """``text`` as code inside of a table."""
    return inline(text).replace("|", "\\|")


def inline(text: str) -> str:
    """``text`` as code in a line: fenced by more backticks than it holds in a row."""
    fence = "`"
    while fence in text:
        fence += "`"
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{_one_line(text)}{pad}{fence}"


def escaped(text: str) -> str:
    """``text`` with what Markdown would take for markup escaped."""
    for mark in "\\`*_[]<>|#":
        text = text.replace(mark, "\\" + mark)
    return _one_line(text)


def _one_line(text: str) -> str:
    return " ".join(text.split())
