"""`python -m benchmarks overhead`: measures and prints."""

import argparse
import json
import random
import sys
from pathlib import Path

from benchmarks.counts import count
from benchmarks.machine import about
from benchmarks.overhead.report import detailed, plain
from benchmarks.overhead.results import FIGURES, Results
from benchmarks.overhead.rounds import Plan, measured, missing
from benchmarks.overhead.scenarios import SCENARIOS
from benchmarks.overhead.summary import BARE
from benchmarks.overhead.variants import VARIANTS
from benchmarks.process import Failed

SUMMARY = "What a request costs, bare and with each way of watching it."
EXAMPLES = """examples:
  scripts/bench overhead                                  # everything, under ten minutes
  scripts/bench overhead --quick --scenario nothing       # while tuning: half a minute
  scripts/bench overhead --scenario nothing,orm --variant on,contrib --rounds 9
  scripts/bench overhead --save FILE.json                 # then: scripts/bench table FILE.json
"""
ROUNDS, BATCHES = 5, 30
QUICK_ROUNDS, QUICK_BATCHES = 3, 10
LIBRARIES = (
    "inprofile",
    "fastapi",
    "starlette",
    "sqlalchemy",
    "django",
    "djangorestframework",
    "opentelemetry-sdk",
    "opentelemetry-instrumentation-fastapi",
    "opentelemetry-instrumentation-sqlalchemy",
    "opentelemetry-instrumentation-django",
    "prometheus-fastapi-instrumentator",
    "django-prometheus",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    names = ", ".join(SCENARIOS)
    add("--scenario", action="append", metavar="NAMES", help=f"only these of {names}")
    names = ", ".join(VARIANTS)
    add("--variant", action="append", metavar="NAMES", help=f"bare and only these of {names}")
    add("--rounds", type=count, help=f"default {ROUNDS}, quick {QUICK_ROUNDS}")
    add("--batches", type=count, help=f"per process: default {BATCHES}, quick {QUICK_BATCHES}")
    add("--quick", action="store_true", help="fewer rounds and batches: rough figures")
    add("--figure", choices=FIGURES, default="min", help="what stands for a process (min)")
    add("--cpu", type=int, metavar="N", help="pin every process to this CPU")
    add("--seed", type=int, help="of the order of the variants; default: by chance")
    add("--date", help="recorded as it is given")
    add("--save", type=Path, metavar="FILE.json", help="keep the measurements")
    add("--format", choices=("text", "md", "json"), default="text")


def run(arguments: argparse.Namespace) -> int:
    """Measure what the arguments ask for and print it; missed claims are no failure.

    Returns 2 for arguments that cannot be carried out, 1 when a process gave no figures.
    """
    try:
        plan = planned(arguments)
        if arguments.save:
            _check_writable(arguments.save)
    except (OSError, ValueError) as mistake:
        print(f"benchmarks: {mistake}", file=sys.stderr)
        return 2
    try:
        results = _results(plan, arguments)
    except Failed as failure:
        print(f"benchmarks: {failure}", file=sys.stderr)
        return 1
    if arguments.save:
        results.save(arguments.save)
    if arguments.format == "json":
        print(json.dumps(plain(results), indent=1))
    else:
        print(detailed(results, arguments.format))
    return 0


def planned(arguments: argparse.Namespace) -> Plan:
    """Return what the arguments ask for. Raises ValueError for a name that is not known."""
    scenarios = chosen(arguments.scenario, list(SCENARIOS), "scenario")
    variants = chosen(arguments.variant, list(VARIANTS), "variant")
    return Plan(
        scenarios=scenarios,
        variants=[BARE, *(name for name in variants if name != BARE and _is_here(name))],
        rounds=arguments.rounds or (QUICK_ROUNDS if arguments.quick else ROUNDS),
        batches=arguments.batches or (QUICK_BATCHES if arguments.quick else BATCHES),
        seed=random.randrange(1 << 32) if arguments.seed is None else arguments.seed,  # noqa: S311 - an order
        cpu=arguments.cpu,
    )


def _results(plan: Plan, arguments: argparse.Namespace) -> Results:
    """Carry the plan out; the measurements in the order of the plan's names. Raises Failed."""
    found = measured(plan)
    found.sort(
        key=lambda one: (plan.scenarios.index(one.scenario), plan.variants.index(one.variant))
    )
    pinned = {} if plan.cpu is None else {"pinned to CPU": str(plan.cpu)}
    return Results(
        measurements=found,
        rounds=plan.rounds,
        batches=plan.batches,
        about=about(LIBRARIES, arguments.date) | pinned,
        figure=arguments.figure,
    )


def _check_writable(path: Path) -> None:
    """Raise OSError now rather than after the measuring."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.open("a").close()


def chosen(wanted: list[str] | None, known: list[str], what: str) -> list[str]:
    """Return the names asked for, in the usual order; ValueError for one that is not known."""
    if not wanted:
        return known
    names = [name.strip() for part in wanted for name in part.split(",")]
    for name in names:
        if name not in known:
            raise ValueError(f"there is no {what} {name!r}, but {', '.join(known)}")
    return [name for name in known if name in names]


def _is_here(variant: str) -> bool:
    gone = missing(variant)
    if gone:
        print(
            f"benchmarks: {variant} is left out, as {', '.join(gone)} is not installed;"
            " scripts/bench installs it",
            file=sys.stderr,
        )
    return not gone
