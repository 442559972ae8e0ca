"""A table of texts, as Markdown or aligned for a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

Cells = Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """A title, column names and rows; all columns but the first are numbers."""

    title: str
    header: Cells
    rows: Sequence[Cells]

    def markdown(self) -> str:
        """Return the table as Markdown, its title in bold."""
        rule = ["---"] + ["---:"] * (len(self.header) - 1)
        lines = [f"| {' | '.join(cells)} |" for cells in (self.header, rule, *self.rows)]
        return "\n".join([f"**{self.title}**\n"] * bool(self.title) + lines)

    def text(self) -> str:
        """Return the table with aligned columns, without Markdown's marks."""
        plain = [[unmarked(cell) for cell in cells] for cells in (self.header, *self.rows)]
        widths = [max(map(len, column)) for column in zip(*plain, strict=True)]
        lines = [_aligned(cells, widths) for cells in plain]
        lines.insert(1, "-" * len(lines[0]))
        return "\n".join([unmarked(self.title)] * bool(self.title) + lines)


def rendered(parts: Sequence[Table | Sequence[str]], style: str) -> str:
    """Return tables and lists of remarks, in order, as ``md`` or ``text``."""
    texts = []
    for part in parts:
        if isinstance(part, Table):
            texts.append(part.markdown() if style == "md" else part.text())
        elif part:
            texts.append(
                "\n".join(f"- {line if style == 'md' else unmarked(line)}" for line in part)
            )
    return "\n\n".join(texts)


def unmarked(text: str) -> str:
    """Return ``text`` without the marks for bold and code."""
    return text.replace("**", "").replace("`", "")


def _aligned(cells: Cells, widths: Sequence[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)])
