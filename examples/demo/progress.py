"""Shows how far the load driver is: a bar on a terminal, a line now and then elsewhere."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

LINE_EVERY_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Driven:
    """What the load driver did so far."""

    elapsed_s: float = 0.0
    requests: int = 0
    unexpected: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        rate = self.requests / self.elapsed_s if self.elapsed_s else 0.0
        return f"{self.requests:,} requests, {rate:,.0f}/s"


def show(console: Console, lines: Iterable[str], seconds: float) -> Driven:
    """Show every line of the driver as it comes, and return the last."""
    steps = (Driven(**json.loads(line)) for line in lines)
    return (show_bar if console.is_terminal else show_lines)(console, steps, seconds)


def show_bar(console: Console, steps: Iterable[Driven], seconds: float) -> Driven:
    """Move a progress bar."""
    columns = (
        TextColumn("Traffic"),
        BarColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
    )
    step = Driven()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(str(step), total=seconds)
        for step in steps:
            progress.update(task, completed=step.elapsed_s, description=str(step))
    return step


def show_lines(console: Console, steps: Iterable[Driven], seconds: float) -> Driven:
    """Print a line every few seconds, and one at the end."""
    step, next_s = Driven(), LINE_EVERY_S
    for step in steps:
        if next_s <= step.elapsed_s < seconds:
            console.print(f"Traffic: {step} after {step.elapsed_s:.0f} s")
            next_s += LINE_EVERY_S
    console.print(f"Traffic: {step} in {step.elapsed_s:.0f} s")
    return step
