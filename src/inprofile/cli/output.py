"""Writes to standard output, whatever stands behind it."""

import io
import os
import sys
from collections.abc import Callable
from shutil import get_terminal_size

from rich.console import Console

PIPE_WIDTH = 100
"""Columns where no terminal says how many it has."""


def emit(text: str) -> None:
    """Write ``text``; a reader that closes early (``| head``) has had enough, which is fine.

    Characters that the output's encoding lacks become question marks.
    """
    out = sys.stdout
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="replace")
    try:
        out.write(text)
        out.flush()
    except BrokenPipeError:
        # Python flushes once more at exit and would complain then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def drawn(draw: Callable[[Console], None]) -> str:
    """What ``draw`` prints to a console of standard output's width and colors.

    NO_COLOR, FORCE_COLOR, TERM and COLUMNS are heeded; without color there is no escape
    code at all.
    """
    probe = Console()
    colored = probe.is_terminal and not probe.no_color and not probe.is_dumb_terminal
    width = probe.width if probe.is_terminal else get_terminal_size((PIPE_WIDTH, 25)).columns
    console = Console(
        file=io.StringIO(),
        width=width,
        color_system="auto" if colored else None,
        force_terminal=colored,
        highlight=False,
        markup=False,
        emoji=False,
    )
    with console.capture() as captured:
        draw(console)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"
