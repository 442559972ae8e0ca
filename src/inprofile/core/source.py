"""Source, as the process that runs it has it: the line at a location, the syntax tree of a text."""

import ast
import linecache

from inprofile.core.model import Location

MAX_CHARACTERS = 200
"""Of one line; what is longer was not written by hand."""

OPEN = ("(", "[", "{")

TRIES = 5
"""CPython 3.11 raises SystemError where two threads make trees at once."""


MORE_LINES = 2
"""At most, behind one that says little as it ends with an open bracket."""


def source_line(location: Location | None) -> str:
    """The line without its indentation; empty where there is none to read.

    Where it opens a bracket and ends, what follows is put behind it: ``get("/carrier/quote", …``.

    Reads the file once and remembers it: after a deployment in place it may differ from what runs.
    """
    if location is None:
        return ""
    try:
        lines = linecache.getlines(location.file)
    except ValueError:  # no name of a file
        return ""
    first = location.line - 1
    if not 0 <= first < len(lines):
        return ""
    line = lines[first].strip()
    if location.file.endswith(".py") and line.endswith(OPEN):
        more = (each.strip() for each in lines[first + 1 : first + 1 + MORE_LINES])
        for each in more:
            line += each
            if not each.endswith(OPEN):
                break
        line += " …"
    return line[:MAX_CHARACTERS]


def syntax_tree(source: str | bytes) -> ast.Module | None:
    """Parse a text; None for one that is no Python, a template say, or that is too deep."""
    for _ in range(TRIES):
        try:
            return ast.parse(source)
        except SystemError:
            continue
        except (SyntaxError, ValueError, RecursionError):
            return None
    return None
