"""What the scenarios of N+1 share: code with its lines marked, and the verdict on it.

A line that ends in ``# L`` is the header of the expected loop, one in ``# Q`` the expected query,
``# LQ`` both; with a number behind it (``# L2``) it is that of another finding. ``# W`` is where
the elements of the loop are loaded. A template marks its lines with ``{# L #}``.
"""

import inspect
import re
from pathlib import Path
from typing import Any

from inprofile.core.model import Finding, Location
from inprofile.testing import record

MARK = re.compile(r"(?:#|\{#) ((?:[LQW]\d? ?)+)(?:#\})?\s*$")

NEUTRAL = str.maketrans("", "", " '\"\n")


def marked(*sources: Any) -> dict[str, tuple[str, int]]:
    """The file and line of each mark in the functions, modules or template files given."""
    found: dict[str, tuple[str, int]] = {}
    for source in sources:
        if isinstance(source, Path):
            file, first, lines = str(source), 1, source.read_text().splitlines()
        else:
            lines, first = inspect.getsourcelines(source)
            file = inspect.getsourcefile(source) or ""
        for number, line in enumerate(lines, max(first, 1)):
            for mark in re.findall(r"[LQW]\d?", (MARK.search(line) or [""])[0]):
                found[mark] = file, number
    return found


def findings(run: Any, *args: Any) -> list[Finding]:
    """What is found in a call."""
    with record() as recording:
        run(*args)
    return recording.findings


def place(location: Location | None) -> tuple[str, int] | None:
    return None if location is None else (location.file, location.line)


def same_code(one: str, two: str) -> bool:
    """Whether ``two`` stands in ``one``, but for spaces and the style of quotes."""
    return two.translate(NEUTRAL) in one.translate(NEUTRAL)
