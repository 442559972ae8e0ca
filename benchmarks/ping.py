"""`python -m benchmarks ping`: what watching costs an application of many tasks."""

import argparse
import random
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks import loop_report
from benchmarks.counts import count
from benchmarks.overhead.rounds import side_by_side
from benchmarks.overhead.summary import BARE, LOOPLESS, ON, Spread, spread
from benchmarks.overhead.variants import VARIANTS
from benchmarks.ping_worker import APPLICATION, REQUEST
from benchmarks.process import Failed
from benchmarks.table import Table

SUMMARY = "What watching event loops costs 10,000 tasks that send each other pings."
EXAMPLES = """examples:
  scripts/bench ping
  scripts/bench ping --loop uvloop
  scripts/bench ping --tasks 100 --rounds 3 --format md
"""
LEAST_SHARE = 0.99
COMPARED = (BARE, LOOPLESS, ON)
WHOSE = {
    APPLICATION: "of the application, started before any request",
    REQUEST: "of one request, each of their steps timed",
}

Pings = dict[tuple[str, str], list[float]]
"""Nanoseconds of a ping in the fastest game of each round, by whose tasks they are and variant."""


@dataclass(frozen=True, slots=True)
class Row:
    """One variant: pings a second, their ratio to bare's, and what it adds to a ping."""

    tasks: str
    variant: str
    per_s: Spread
    share: Spread
    added_ns: Spread


def measure(tasks: int, rounds: int, games: int, loop: str) -> Pings:
    """Play in fresh processes that take turns. Raises Failed."""
    found: Pings = {(whose, variant): [] for whose in WHOSE for variant in COMPARED}
    for number in range(1, rounds + 1):
        for whose in WHOSE:
            print(f"round {number}/{rounds}: {whose}", file=sys.stderr, flush=True)
            for variant, ping_ns in _round(number, whose, tasks, games, loop).items():
                found[whose, variant].append(ping_ns)
    return found


def _round(number: int, whose: str, tasks: int, games: int, loop: str) -> dict[str, float]:
    taken: dict[str, list[float]] = {variant: [] for variant in COMPARED}
    with ExitStack() as stack:
        workers = side_by_side(
            stack, number, COMPARED, "benchmarks.ping_worker", whose, (whose,), (loop, str(tasks))
        )
        chance = random.Random(number)  # noqa: S311 - an order
        for _ in range(games):
            for variant in chance.sample(COMPARED, len(COMPARED)):
                taken[variant].append(workers[variant].ask("game")["ping_ns"])
        for worker in workers.values():
            worker.ask("end")
    return {variant: min(times) for variant, times in taken.items()}


def rows(pings: Pings) -> list[Row]:
    """Compare each variant with bare in the same round."""
    found = []
    for (whose, variant), times in pings.items():
        pairs = list(zip(times, pings[whose, BARE], strict=True))
        spreads = (
            spread(1e9 / own for own, _ in pairs),
            spread(bare / own for own, bare in pairs),
            spread(own - bare for own, bare in pairs),
        )
        found.append(Row(whose, variant, *(one for one in spreads if one is not None)))
    return found


def table(found: Sequence[Row], whose: str) -> Table:
    """Return the rows of such tasks, with what is promised."""
    header = (f"tasks {WHOSE[whose]}", "pings per second", "of bare's", "added ns per ping")
    cells = [
        (
            VARIANTS[row.variant].title,
            f"{row.per_s.median:,.0f}",
            _held(row),
            "" if row.variant == BARE else row.added_ns.around("+.0f"),
        )
        for row in found
        if row.tasks == whose
    ]
    return Table("", header, cells)


def _held(row: Row) -> str:
    if row.variant == BARE:
        return ""
    text = row.share.around(".3f")
    if (row.tasks, row.variant) != (APPLICATION, ON):
        return text
    verdict = "met" if row.share.median >= LEAST_SHARE else "missed"
    return f"{text} ({verdict}: {LEAST_SHARE})"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--tasks", type=count, default=10_000, help="that play (10000)")
    parser.add_argument("--rounds", type=count, default=7, help="of fresh processes (7)")
    parser.add_argument("--games", type=count, default=15, help="of each process (15)")
    loop_report.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print the tables. Returns 1 when a process gave no figures."""
    try:
        pings = measure(arguments.tasks, arguments.rounds, arguments.games, arguments.loop)
    except Failed as failure:
        print(f"benchmarks: {failure}", file=sys.stderr)
        return 1
    found = rows(pings)
    loop_report.show(
        arguments, found, [table(found, whose) for whose in WHOSE], (f"{arguments.tasks:,} tasks",)
    )
    return 0
