"""The facts as text for a terminal or a pipe."""

from collections.abc import Iterable

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from inprofile.analysis.costs import Cost, costs
from inprofile.analysis.facts import Facts
from inprofile.analysis.work import Work
from inprofile.report import notes, tables, units
from inprofile.report.bar import drawn, legend, segments
from inprofile.report.grid import Grid
from inprofile.report.tables import Table
from inprofile.report.units import mean, percent, shortened

INDENT = 2


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


def _table(table: Table, console: Console) -> None:
    _heading(table.title, console)
    for line in Grid(table, console.width).lines():
        console.print(line, overflow="fold")


def _indented(line: Text, console: Console) -> None:
    console.print(Padding(line, (0, 0, 0, INDENT)), overflow="fold")


def _colored(console: Console) -> bool:
    return console.color_system is not None
