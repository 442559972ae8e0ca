"""Source, as the process that runs it has it: the line at a location, the syntax tree of a text."""

import ast
import linecache
from itertools import islice
from types import CodeType

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
    lines = _lines(location.file)
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


def called(code: CodeType, instruction: int, line: int) -> ast.expr | None:
    """The expression that an instruction of ``code`` is about; None where there is no source.

    One that spans lines is read to its end.
    """
    first, last, start, end = next(islice(code.co_positions(), instruction // 2, None), (None,) * 4)
    if first is None or last is None or start is None or end is None:
        return None
    lines = [each.encode() for each in _lines(code.co_filename)[first - 1 : last]]
    if not lines or first != line:
        return None
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    tree = syntax_tree(b"(" + b"".join(lines) + b")")
    only = tree.body[0] if tree is not None and len(tree.body) == 1 else None
    return only.value if isinstance(only, ast.Expr) else None


def _lines(file: str) -> list[str]:
    try:
        return linecache.getlines(file)
    except ValueError:  # no name of a file
        return []


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
