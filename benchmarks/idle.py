"""`python -m benchmarks idle`: what a server costs of which nobody wants anything."""

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks import loop_report
from benchmarks.counts import count
from benchmarks.overhead.rounds import side_by_side
from benchmarks.overhead.summary import BARE, LOOPLESS, ON, Spread, spread
from benchmarks.overhead.variants import VARIANTS
from benchmarks.process import Failed
from benchmarks.table import Table

SUMMARY = "What an idle server costs, and how much of that is for watching its event loop."
EXAMPLES = """examples:
  scripts/bench idle
  scripts/bench idle --loop uvloop
  scripts/bench idle --rounds 1 --seconds 5 --format md
"""
COMPARED = (BARE, LOOPLESS, ON)
QUIET_S = 3.0
"""After the one request: by then everybody knows that there is nothing to do."""

MOST = 0.1
"""Per cent of a core that watching an idle loop may cost."""

Shares = dict[str, list[float]]
"""Per cent of a core in each round, by variant."""


@dataclass(frozen=True, slots=True)
class Row:
    """One variant, in per cent of a core; ``added`` to those whose loops nobody watches."""

    variant: str
    share: Spread
    added: Spread


def measure(rounds: int, seconds: int, loop: str) -> Shares:
    """Let fresh servers idle side by side. Raises Failed."""
    found: Shares = {variant: [] for variant in COMPARED}
    for number in range(1, rounds + 1):
        print(f"round {number}/{rounds}", file=sys.stderr, flush=True)
        for variant, share in _round(number, seconds, loop).items():
            found[variant].append(share)
    return found


def _round(number: int, seconds: int, loop: str) -> dict[str, float]:
    with ExitStack() as stack:
        workers = side_by_side(
            stack, number, COMPARED, "benchmarks.idle_worker", "an idle server", (), (loop,)
        )
        time.sleep(QUIET_S)
        before = {variant: worker.ask("now") for variant, worker in workers.items()}
        time.sleep(seconds)
        shares = {}
        for variant, worker in workers.items():
            now = worker.ask("now")
            used_ns = now["cpu_ns"] - before[variant]["cpu_ns"]
            shares[variant] = 100 * used_ns / (now["at_ns"] - before[variant]["at_ns"])
        return shares


def rows(shares: Shares) -> list[Row]:
    """Compare each variant with the one that watches no loop, of the same round."""
    found = []
    for variant, own in shares.items():
        added = (one - without for one, without in zip(own, shares[LOOPLESS], strict=True))
        spreads = spread(own), spread(added)
        found.append(Row(variant, *(one for one in spreads if one is not None)))
    return found


def table(found: Sequence[Row]) -> Table:
    """Return the rows, with what is promised."""
    header = ("an idle server", "% of a core", "added by watching its loop")
    cells = [(VARIANTS[row.variant].title, row.share.around(".3f"), _held(row)) for row in found]
    return Table("", header, cells)


def _held(row: Row) -> str:
    if row.variant != ON:
        return ""
    verdict = "met" if row.added.median <= MOST else "missed"
    return f"{row.added.around('+.3f')} ({verdict}: {MOST})"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--rounds", type=count, default=5, help="of fresh processes (5)")
    parser.add_argument("--seconds", type=count, default=20, help="of each round (20)")
    loop_report.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print the table. Returns 1 when a process gave no figures."""
    try:
        shares = measure(arguments.rounds, arguments.seconds, arguments.loop)
    except Failed as failure:
        print(f"benchmarks: {failure}", file=sys.stderr)
        return 1
    found = rows(shares)
    loop_report.show(arguments, found, [table(found)], ("uvicorn",), libraries=("uvicorn",))
    return 0
