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

Cells = Sequence[str]


class Grid:
    """Where everything of ``table`` stands in lines of ``width`` columns.

    ``label_width`` is 0 when labels stand above their cells: a table with a text at the end
    has no room beside them, and others when less than half of the labels would fit.
    """

    def __init__(self, table: Table, width: int) -> None:
        self.table = table
        self.width = width
        columns = list(zip(table.columns, *(row.cells for row in table.rows), strict=True))
        numbers = columns[:-1] if table.tail else columns
        self.widths = [max(map(cell_len, column)) for column in numbers]
        self.label_width = self._label_width()
        roomy = len(INDENT) + sum(self.widths) + len(GAP) * (len(self.widths) - 1) <= width
        self.gap = GAP if roomy else " "

    def lines(self) -> Iterator[Text]:
        """The heads, then each row, then the note."""
        table = self.table
        head = table.label if self.label_width else ""
        yield Text(self._line(head, table.columns), "dim")
        for row in table.rows:
            yield from self._row(row)
        if table.note:
            yield Text(table.note, "dim")

    def _label_width(self) -> int:
        room = self.width - sum(self.widths) - len(GAP) * len(self.widths)
        labels = [len(INDENT) * row.below + cell_len(row.label) for row in self.table.rows]
        fitting = [label for label in labels if label <= room]
        if self.table.tail or 2 * len(fitting) < len(labels) or len(self.table.label) > room:
            return 0
        return max(*fitting, len(self.table.label))

    def _row(self, row: Row) -> Iterator[Text]:
        label = INDENT * row.below + row.label
        line = self._line("", row.cells)
        if row.below or cell_len(label) <= self.label_width:
            # A row below another leaves its first cells empty: there its label has room.
            yield Text(label).append(line[cell_len(label) :])
            return
        if self.table.code:
            label = shortened(label, CODE_LINES * (self.width - 5))
        yield Text(label, "bold")
        yield Text(line)

    def _line(self, label: str, cells: Cells) -> str:
        start = label.ljust(self.label_width) + GAP if self.label_width else INDENT
        numbers = self.gap.join(
            " " * (width - cell_len(cell)) + cell
            for cell, width in zip(cells, self.widths, strict=False)
        )
        if not self.table.tail:
            return start + numbers
        apart = cell_len(start + numbers + GAP + cells[-1]) > self.width
        return start + numbers + ("\n" + INDENT if apart else GAP) + cells[-1]
