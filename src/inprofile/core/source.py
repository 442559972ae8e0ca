"""Source, as the process that runs it has it: the line at a location, the syntax tree of a text."""

import ast
import linecache

from inprofile.core.model import Location

MAX_CHARACTERS = 200
"""Of one line; what is longer was not written by hand."""

TRIES = 5
"""CPython 3.11 raises SystemError where two threads make trees at once."""


def source_line(location: Location | None) -> str:
    """The line without its indentation; empty where there is none to read.

    Reads the file once and remembers it: after a deployment in place it may differ from what runs.
    """
    if location is None:
        return ""
    try:
        return linecache.getline(location.file, location.line).strip()[:MAX_CHARACTERS]
    except ValueError:  # no name of a file
        return ""


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
