"""What the commands have in common that measure an event loop: which one, and how it is told."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.loops import LOOPS
from benchmarks.machine import about, sentence
from benchmarks.table import Table, rendered


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--loop", choices=LOOPS, default="asyncio")
    parser.add_argument("--format", choices=("text", "md", "json"), default="text")
    parser.add_argument("--date", help="recorded as it is given")


def show(
    arguments: argparse.Namespace,
    rows: Sequence[Any],
    tables: Sequence[Table],
    what: Sequence[str] = (),
    libraries: Sequence[str] = (),
) -> None:
    """Print dataclasses as JSON or as their tables, with ``what`` was measured and on what."""
    on = about(("inprofile", arguments.loop, *libraries), arguments.date)
    if arguments.format == "json":
        print(json.dumps({"about": on, "rows": [asdict(row) for row in rows]}, indent=1))
    else:
        how = f"{', '.join((*what, arguments.loop))}: {sentence(on)}"
        print(rendered([*tables, [how]], arguments.format))
