"""`python -m benchmarks table`: the README's table, from saved measurements."""

import argparse
import sys
from pathlib import Path

from benchmarks.overhead.report import compact, detailed
from benchmarks.overhead.results import FIGURES, Results, load

SUMMARY = "The README's overhead table, from what `overhead --save` wrote."
EXAMPLES = """examples:
  scripts/bench table overhead.json
  scripts/bench table overhead.json --write README.md     # between its overhead marks
  scripts/bench table overhead.json --full --figure cpu
"""
BEGIN, END = "<!-- overhead:begin -->", "<!-- overhead:end -->"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", type=Path, metavar="FILE.json")
    parser.add_argument("--write", type=Path, metavar="README.md", help="replace the table there")
    parser.add_argument("--full", action="store_true", help="a table for each scenario instead")
    parser.add_argument("--figure", choices=FIGURES, help="what stands for a process")


def run(arguments: argparse.Namespace) -> int:
    """Render the table, and print it or put it in its place."""
    try:
        results = load(arguments.file)
        if arguments.figure:
            results = Results(
                results.measurements,
                results.rounds,
                results.batches,
                results.about,
                arguments.figure,
            )
        table = detailed(results, "md") if arguments.full else compact(results)
        if arguments.write:
            arguments.write.write_text(replaced(arguments.write.read_text(), table))
        else:
            print(table)
    except (OSError, ValueError, TypeError, KeyError) as problem:
        print(f"benchmarks: {problem}", file=sys.stderr)
        return 1
    return 0


def replaced(document: str, table: str) -> str:
    """Return ``document`` with ``table`` between the marks. Raises ValueError without them."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the document needs the lines {BEGIN} and {END}")
    return f"{before}{begin}\n{table}\n{end}{after}"
