"""``inprofile status``: the groups on this machine."""

import time
from pathlib import Path

import click

from inprofile.analysis.series import observations, series
from inprofile.cli import place
from inprofile.cli.output import emit
from inprofile.core.group import Group
from inprofile.core.metrics import REQUESTS
from inprofile.core.slots import snapshot
from inprofile.report import groups
from inprofile.report.units import number, span

EPILOG = """\b
Examples:
  inprofile status
  inprofile status --dir /var/lib/shop/inprofile

\b
Exit codes:
  0  there is at least one group
  1  there is none
  2  wrong usage, or the place cannot be read
"""
HEADS = ("group", "live workers", "requests", "last change")


@click.command(epilog=EPILOG)
@click.option("--dir", "directory", type=click.Path(path_type=Path), help=place.HELP)
def status(directory: Path | None) -> None:
    """List the groups found, the most recently active first.

    Requests are exact. The last change is that of the group's files: it was active then, and
    may have been since.
    """
    rows = [HEADS, *map(_row, groups.find(place.place(directory)[0]))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    emit("".join(_line(row, widths) for row in rows))


def _row(group: Group) -> tuple[str, ...]:
    counted = snapshot(group.directory)
    requests = sum(observations(REQUESTS, words) for _, words in series(counted, REQUESTS))
    active_s = groups.active_s(group.directory)
    ago = f"{span(max(time.time() - active_s, 0))} ago" if active_s else "n/a"
    return group.name, number(len(counted.workers)), number(requests), ago


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    numbers = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
    return "  ".join([row[0].ljust(widths[0]), *numbers]) + "\n"
