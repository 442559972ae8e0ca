"""`python -m benchmarks`: one subcommand for each thing that is measured."""

import argparse
import sys
from collections.abc import Sequence

from benchmarks import accuracy, calls, findings, idle, lag, ping, quantiles, scale, spans
from benchmarks.overhead import command as overhead
from benchmarks.overhead import readme as table

COMMANDS = {
    "overhead": overhead,
    "table": table,
    "calls": calls,
    "findings": findings,
    "ping": ping,
    "idle": idle,
    "lag": lag,
    "accuracy": accuracy,
    "quantiles": quantiles,
    "scale": scale,
    "spans": spans,
}


def parser() -> argparse.ArgumentParser:
    """Build the parser of all commands."""
    top = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog="Each command has its own --help. How to read the figures: benchmarks/README.md",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=module.SUMMARY,
            description=module.SUMMARY,
            epilog=module.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return top


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = parser().parse_args(words)
    try:
        code: int = arguments.run(arguments)
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
