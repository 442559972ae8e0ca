"""`python -m benchmarks table`: the README's table, from saved measurements."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.overhead.report import compact, detailed
from benchmarks.overhead.results import FIGURES, load

SUMMARY = "The README's overhead table, from what `overhead --save` wrote."
EXAMPLES = """examples:
  scripts/bench table benchmarks/results/overhead.json
  scripts/bench table benchmarks/results/overhead.json --write README.md  # between its marks
  scripts/bench table benchmarks/results/overhead.json --full --figure cpu
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
            results = replace(results, figure=arguments.figure)
        table = detailed(results, "md") if arguments.full else compact(results)
        if arguments.write:
            write(arguments.write, table)
        else:
            print(table)
    except (OSError, ValueError) as problem:
        print(f"benchmarks: {problem}", file=sys.stderr)
        return 2
    return 0


def write(path: Path, table: str) -> None:
    """Put ``table`` between the marks of a document. Raises ValueError when it has none."""
    before, begin, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{path} has no place for the table: the lines {BEGIN} and {END}")
    path.write_text(f"{before}{begin}\n{table}\n{end}{after}")
