"""`python -m benchmarks overhead`: measures and prints."""

import argparse
import json
import random
import sys
from pathlib import Path

from benchmarks.machine import about
from benchmarks.overhead.report import detailed, plain
from benchmarks.overhead.results import FIGURES, Results
from benchmarks.overhead.rounds import Failed, Plan, measured, missing
from benchmarks.overhead.scenarios import SCENARIOS
from benchmarks.overhead.summary import BARE
from benchmarks.overhead.variants import VARIANTS

SUMMARY = "What a request costs, bare and with each way of watching it."
EXAMPLES = """examples:
  scripts/bench overhead                                  # everything, about ten minutes
  scripts/bench overhead --quick --scenario nothing       # while tuning: half a minute
  scripts/bench overhead --scenario nothing,orm --variant on,contrib --rounds 9
  scripts/bench overhead --save overhead.json             # then: scripts/bench table --help
"""
ROUNDS, BATCHES = 5, 30
QUICK_ROUNDS, QUICK_BATCHES = 3, 10
LIBRARIES = (
    "inprofile",
    "fastapi",
    "starlette",
    "sqlalchemy",
    "opentelemetry-sdk",
    "opentelemetry-instrumentation-fastapi",
    "opentelemetry-instrumentation-sqlalchemy",
    "prometheus-fastapi-instrumentator",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    names = ", ".join(SCENARIOS)
    add("--scenario", action="append", metavar="NAMES", help=f"only these of {names}")
    names = ", ".join(VARIANTS)
    add("--variant", action="append", metavar="NAMES", help=f"bare and only these of {names}")
    add("--rounds", type=_positive, help=f"default {ROUNDS}, quick {QUICK_ROUNDS}")
    add("--batches", type=_positive, help=f"per process: default {BATCHES}, quick {QUICK_BATCHES}")
    add("--quick", action="store_true", help="fewer rounds and batches: rough figures")
    add("--figure", choices=FIGURES, default="min", help="what stands for a process (min)")
    add("--cpu", type=int, metavar="N", help="pin every process to this CPU")
    add("--seed", type=int, help="of the order of the variants; default: by chance")
    add("--date", help="recorded as it is given")
    add("--save", type=Path, metavar="FILE.json", help="keep the measurements")
    add("--format", choices=("text", "md", "json"), default="text")


def run(arguments: argparse.Namespace) -> int:
    """Measure what the arguments ask for and print it; missed claims are no failure."""
    try:
        results = _results(arguments)
    except (Failed, LookupError) as problem:
        print(f"benchmarks: {problem.args[0]}", file=sys.stderr)
        return 1
    if arguments.save:
        results.save(arguments.save)
    if arguments.format == "json":
        print(json.dumps(plain(results), indent=1))
    else:
        print(detailed(results, arguments.format))
    return 0


def _results(arguments: argparse.Namespace) -> Results:
    scenarios = chosen(arguments.scenario, list(SCENARIOS), "scenario")
    variants = chosen(arguments.variant, list(VARIANTS), "variant")
    plan = Plan(
        scenarios=scenarios,
        variants=[BARE, *(name for name in variants if name != BARE and _is_here(name))],
        rounds=arguments.rounds or (QUICK_ROUNDS if arguments.quick else ROUNDS),
        batches=arguments.batches or (QUICK_BATCHES if arguments.quick else BATCHES),
        seed=random.randrange(1 << 32) if arguments.seed is None else arguments.seed,  # noqa: S311 - an order
        cpu=arguments.cpu,
    )
    found = measured(plan)
    found.sort(key=lambda one: (list(SCENARIOS).index(one.scenario), _rank(one.variant)))
    return Results(
        found, plan.rounds, plan.batches, about(LIBRARIES, arguments.date), arguments.figure
    )


def chosen(wanted: list[str] | None, known: list[str], what: str) -> list[str]:
    """Return the names asked for, in the usual order; LookupError for one that is not known."""
    if not wanted:
        return known
    names = [name.strip() for part in wanted for name in part.split(",")]
    for name in names:
        if name not in known:
            raise LookupError(f"there is no {what} {name!r}, but {', '.join(known)}")
    return [name for name in known if name in names]


def _is_here(variant: str) -> bool:
    gone = missing(variant)
    if gone:
        print(
            f"benchmarks: {variant} is left out, as {', '.join(gone)} is not installed:"
            " pip install 'inprofile[bench]'",
            file=sys.stderr,
        )
    return not gone


def _rank(variant: str) -> int:
    return list(VARIANTS).index(variant)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value
