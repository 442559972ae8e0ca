"""The facts as text for a terminal or a pipe."""

from collections.abc import Iterable

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from inprofile.analysis.costs import Cost, costs
from inprofile.analysis.facts import Facts
from inprofile.analysis.work import Work
from inprofile.report import findings, notes, tables, units
from inprofile.report.bar import drawn, legend, segments
from inprofile.report.findings import Card, Line
from inprofile.report.grid import CODE_LINES, Grid
from inprofile.report.tables import Table
from inprofile.report.units import mean, percent, shortened

INDENT = 2
FACTS = 12
"""The column at which the facts of a finding begin, behind their labels."""


def write(facts: Facts, console: Console, top: int) -> None:
    """Print the facts: ``top`` rows of every list, and how much the rest is.

    Lays itself out for the console's width; letters and words say all that colors do.
    """
    console.print(Text("inprofile report", "bold"))
    _notes(notes.head(facts), console)
    if facts.requests.routes:
        _table(tables.routes(facts.requests, top), console)
        _stages(facts.requests, "request", "Stages of the costliest routes", top, console)
    if facts.jobs.routes:
        _stages(facts.jobs, "job", "Stages of the costliest jobs", top, console)
    for table in tables.tables(facts, top):
        _table(table, console)
    _findings(facts, top, console)
    _heading("What is not known", console)
    _notes(notes.gaps(facts), console)
    _heading("How these numbers were obtained", console)
    _notes(facts.how.items(), console)


def _heading(title: str, console: Console) -> None:
    console.print()
    console.print(Text(title, "bold underline"))
    if not _colored(console):
        console.print("-" * len(title))


def _notes(pairs: Iterable[notes.Note], console: Console) -> None:
    for about, sentence in pairs:
        line = Text(f"{about}: ", "dim").append(sentence, "not dim")
        console.print(line, overflow="fold")


def _stages(work: Work, noun: str, title: str, top: int, console: Console) -> None:
    _heading(title, console)
    color = _colored(console)
    width = console.width - INDENT
    for place, route in enumerate(work.routes[:top], start=1):
        if place > 1:
            console.print()
        console.print(Text(f"{place:>2}. {tables.title(route)}", "bold"), overflow="fold")
        _indented(Text(notes.stages_of(route, noun), "dim"), console)
        parts = segments(route.stages)
        for line in (drawn(parts, width, color=color), *legend(parts, width, color=color)):
            _indented(line, console)
        for cost in costs(work, route)[: notes.COSTS]:
            _indented(_cost(cost, noun, width), console)


def _cost(cost: Cost, noun: str, width: int) -> Text:
    """Half a diagnosis in one line: how much, in which stage, how often, what."""
    often = f"{mean(cost.per_trace)} x per {noun}"
    start = f"{percent(cost.share_of_route):>7}  {cost.stage}, {often}: "
    return Text(start + shortened(units.place(cost.name), width - len(start)))


def _findings(facts: Facts, top: int, console: Console) -> None:
    if not facts.findings:
        return
    _heading(findings.TITLE, console)
    for position, card in enumerate(findings.cards(facts, top), start=1):
        if position > 1:
            console.print()
        console.print(Text(f"{position:>2}. {card.title} in {card.route}", "bold"), overflow="fold")
        _indented(_subject(card, console.width - 2 * INDENT), console, 2 * INDENT)
        for line in card.lines:
            _fact(line, console)
    if left := findings.left_out(facts, top):
        console.print()
        console.print(Text(left, "dim"))


def _subject(card: Card, width: int) -> Text:
    """What it is about and how much of it, in one line where that fits."""
    together = f"{card.about}: {card.amount}"
    if len(together) > width:
        together = f"{shortened(card.about, width - 1)}:\n{card.amount}"
    subject = Text(together)
    subject.stylize("bold", 0, together.index(card.amount))
    return subject


def _fact(line: Line, console: Console) -> None:
    """A label with the words beside it, and the code below them or in their place."""
    width = console.width - FACTS
    room = width if line.label == "runs" else CODE_LINES * (width - 5)
    text = Text(line.text)
    for code in line.code.splitlines():
        shown = code if line.label == "fix" else shortened(code, room)
        text.append("\n" if text else "").append(shown, "cyan")
    for i, row in enumerate(text.wrap(console, width, overflow="fold", tab_size=4)):
        label = "" if i else line.label
        row.rstrip()
        start = f"{'':<{2 * INDENT}}{label:<{FACTS - 2 * INDENT}}"
        console.print(Text().append(start, "dim").append_text(row))


def _table(table: Table, console: Console) -> None:
    _heading(table.title, console)
    for line in Grid(table, console.width).lines():
        console.print(line, overflow="fold")


def _indented(line: Text, console: Console, by: int = INDENT) -> None:
    console.print(Padding(line, (0, 0, 0, by)), overflow="fold")


def _colored(console: Console) -> bool:
    return console.color_system is not None
