"""One route's stages as a bar whose characters, and whose percentages, add up."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from rich.cells import cell_len
from rich.text import Text

from inprofile.analysis.apportionment import apportion
from inprofile.analysis.stages import Stage
from inprofile.report.units import duration

SMALL = 0.5
"""Stages below so many percent share one segment, when there are several."""

ENTRY_WIDTH = 38
"""Columns of a legend's entry: letter, the longest stage's name, percentage, time, gap."""

COLORS = {
    "queue": "#a0cbe8",
    "receive": "#d7b5a6",
    "middleware": "#59a14f",
    "routing": "#8cd17d",
    "dependencies": "#f1ce63",
    "validation": "#b6992d",
    "handler": "#f28e2b",
    "orm": "#86bcb6",
    "db": "#4e79a7",
    "db_pool_wait": "#499894",
    "cache": "#fabfd2",
    "http": "#b07aa1",
    "template": "#d4a6c8",
    "serialization": "#e15759",
    "logging": "#ff9d9a",
    "threadpool_wait": "#9d7660",
    "loop_wait": "#d37295",
    "gc": "#ffbe7d",
    "send": "#bab0ac",
    "other": "#79706e",
}
"""A stage has the same color in every bar (Tableau's palette of twenty)."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a bar: a stage, or the small ones together."""

    letter: str
    name: str
    percent: float
    per_trace_ns: int
    weight: int
    color: str


def segments(stages: Sequence[Stage]) -> list[Segment]:
    """The parts of a route's bar, the longest first; their percentages make 100.0."""
    large = [stage for stage in stages if stage.percent >= SMALL]
    small = stages[len(large) :]
    if len(small) == 1:
        large, small = list(stages), ()
    parts = [
        Segment(letter, each.stage, each.percent, each.per_trace_ns, each.total_ns, _color(each))
        for letter, each in zip(ascii_uppercase, large, strict=False)
    ]
    if small:
        percent = round(sum(stage.percent for stage in small), 1)
        per_trace_ns = sum(stage.per_trace_ns for stage in small)
        weight = sum(stage.total_ns for stage in small)
        name = f"{len(small)} smaller"
        parts.append(Segment("+", name, percent, per_trace_ns, weight, COLORS["other"]))
    return parts


def drawn(parts: Sequence[Segment], width: int, *, color: bool) -> Text:
    """The bar: colored blocks that begin with their letter, or letters all along."""
    bar = Text()
    for part, cells in zip(parts, apportion([part.weight for part in parts], width), strict=True):
        if color:
            bar.append(part.letter.ljust(cells)[:cells], f"black on {part.color}")
        else:
            bar.append(part.letter * cells)
    return bar


def legend(parts: Sequence[Segment], width: int, *, color: bool) -> Iterator[Text]:
    """Lines of ``letter stage percent time``, as many entries beside each other as fit."""
    columns = max(width // ENTRY_WIDTH, 1)
    for at in range(0, len(parts), columns):
        line = Text()
        for part in parts[at : at + columns]:
            line.append(part.letter, f"black on {part.color}" if color else "")
            line.append(f" {part.name:<15} {part.percent:>5.1f} %  ")
            line.append(f"{duration(part.per_trace_ns):>8}", "bold")
            line.append(" " * (ENTRY_WIDTH - cell_len(line.plain) % ENTRY_WIDTH))
        line.rstrip()
        yield line


def _color(stage: Stage) -> str:
    return COLORS.get(stage.stage, COLORS["other"])
