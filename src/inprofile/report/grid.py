"""A table as lines of text for a width: labels beside their cells, or above them."""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.text import Text

from inprofile.report.tables import Row, Table
from inprofile.report.units import shortened

GAP = "  "
INDENT = "  "
CODE_LINES = 2
"""Code that takes more lines than this is shortened."""


def lines(table: Table, width: int) -> Iterator[Text]:
    """The heads, then a line or more for each row, then the note.

    Labels stand beside their cells when every row fits into ``width`` so. Otherwise they
    stand above; then cells move closer where that keeps them in one line.
    """
    widths = [max(map(cell_len, column)) for column in _columns(table)]
    label_width = max(cell_len(row.label) + len(INDENT) * row.below for row in table.rows)
    beside = not table.tail and label_width + len(GAP) * len(widths) + sum(widths) <= width
    fits = len(INDENT) + sum(widths) + len(GAP) * (len(widths) - 1) <= width
    gap = GAP if beside or table.tail or fits else " "
    heads = _joined(table, table.columns, widths, gap)
    yield Text(
        f"{_padded(table.label, label_width)}{gap}{heads}" if beside else INDENT + heads, "dim"
    )
    for row in table.rows:
        cells = _joined(table, row.cells, widths, gap)
        if beside:
            yield _beside(row, cells, label_width)
        else:
            yield from _above(table, row, cells, width)
    if table.note:
        yield Text(table.note, "dim")


def _beside(row: Row, cells: str, label_width: int) -> Text:
    if row.below:
        return Text(_padded(INDENT + row.label, label_width) + GAP + cells)
    return Text(_padded(row.label, label_width), "bold").append(GAP + cells, "not bold")


def _above(table: Table, row: Row, cells: str, width: int) -> Iterator[Text]:
    if row.below:
        yield Text(f"{INDENT}{cells}{GAP}{row.label}")
        return
    label = shortened(row.label, CODE_LINES * width - 10) if table.code else row.label
    yield Text(label, "bold")
    yield Text(INDENT + cells)


def _columns(table: Table) -> Iterator[tuple[str, ...]]:
    """Every column of numbers with its head; a text at the end takes what it needs."""
    rows = [table.columns, *(row.cells for row in table.rows)]
    columns = list(zip(*rows, strict=True))
    return iter(columns[:-1] if table.tail else columns)


def _joined(table: Table, cells: Sequence[str], widths: Sequence[int], gap: str) -> str:
    numbers = [" " * (w - cell_len(cell)) + cell for cell, w in zip(cells, widths, strict=False)]
    return gap.join([*numbers, cells[-1]] if table.tail else numbers)


def _padded(label: str, width: int) -> str:
    return label + " " * (width - cell_len(label))
