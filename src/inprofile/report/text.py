"""The facts as text for a terminal or a pipe."""

from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from inprofile.analysis.facts import Facts
from inprofile.analysis.routes import Route
from inprofile.report import tables
from inprofile.report.bar import drawn, legend, segments
from inprofile.report.header import header
from inprofile.report.tables import Row, Table
from inprofile.report.units import duration, number, percent, plural

GAP = "  "
INDENT = 4
STATEMENT_LINES = 2
"""A longer statement loses its middle: what it reads and where from is at its ends."""

MARKS = {" = ", "+"}


def write(facts: Facts, console: Console, top: int) -> None:
    """Print the facts: everything of a list's first ``top`` rows, and no more of the rest.

    Lays itself out for the console's width; letters and words carry all that colors do.
    """
    console.print(Text("inprofile report", "bold"))
    _pairs(header(facts), console)
    every = list(tables.tables(facts, top))
    for table in every:
        if table.title.startswith("Routes"):
            _table(table, console)
    _stages(facts, console, top)
    for table in every:
        if not table.title.startswith("Routes"):
            _table(table, console)
    _heading("What is not known", console)
    _pairs(_unknown(facts), console)
    _heading("How these numbers were obtained", console)
    _pairs(facts.how.items(), console)
