"""docs/integrations.md, written from what the integrations say of themselves.

python -m tests.integrations.listing    writes it
"""

from importlib import import_module
from pathlib import Path

from inprofile.integrations import TABLE

PATH = Path(__file__).parents[2] / "docs" / "integrations.md"
HEAD = """\
# Integrations

What `inprofile` times in which library, as which stage of a request, and what it leaves to the
stage around it. Nothing is to be configured: a library is instrumented when it is imported.

| library | versions | timed | not timed |
| --- | --- | --- | --- |
"""


def page() -> str:
    """The whole page."""
    files = [*TABLE.values(), "django_handlers"]  # its patches are made with their doors
    rows = [import_module(f"inprofile.integrations.{file}").ABOUT for file in files]
    return HEAD + "".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n"
        for row in sorted(rows, key=lambda row: row.library.lower())
    )


if __name__ == "__main__":
    PATH.write_text(page())
