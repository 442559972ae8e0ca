"""Runs every scenario under every variant in fresh processes that take turns, again and again."""

import importlib.util
import os
import random
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.overhead.results import Measurement
from benchmarks.overhead.variants import VARIANTS
from benchmarks.process import Worker, started

FOREIGN = ("INPROFILE_", "OTEL_", "FASTAPI_OTEL", "PROMETHEUS_")
"""Variables that would configure a variant behind our back."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. ``cpu`` pins every process to that one; None leaves it to the system."""

    scenarios: Sequence[str]
    variants: Sequence[str]
    rounds: int
    batches: int
    seed: int
    cpu: int | None = None

    def turns(self) -> Iterator[tuple[int, str]]:
        """Say which round and scenario comes when."""
        for number in range(1, self.rounds + 1):
            for scenario in self.scenarios:
                yield number, scenario


def measured(plan: Plan) -> list[Measurement]:
    """Carry the plan out, with progress on stderr. Raises Failed."""
    turns = list(plan.turns())
    measurements: list[Measurement] = []
    started_s = time.monotonic()
    for done, (number, scenario) in enumerate(turns):
        left_s = (time.monotonic() - started_s) / done * (len(turns) - done) if done else None
        _progress(f"round {number}/{plan.rounds}: {scenario}", done, turns, left_s)
        measurements += _round(plan, number, scenario)
    _progress("done", len(turns), turns, None)
    return measurements


def _round(plan: Plan, number: int, scenario: str) -> list[Measurement]:
    """One fresh process for each variant, all alive at once, measuring a batch in turn.

    The order of the variants is another in each turn: none is always first.
    """
    chance = random.Random(plan.seed + number)  # noqa: S311 - an order, not a secret
    taken: dict[str, list[dict[str, float]]] = {variant: [] for variant in plan.variants}
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="inprofile-bench-")))
        workers = {
            variant: stack.enter_context(_worker(plan, number, scenario, variant, directory))
            for variant in plan.variants
        }
        for worker in workers.values():
            worker.ask(None)
        for _ in range(plan.batches):
            for variant in chance.sample(plan.variants, len(plan.variants)):
                taken[variant].append(workers[variant].ask("batch"))
        return [
            _measurement(scenario, variant, number, taken[variant], worker.ask("end"))
            for variant, worker in workers.items()
        ]


def _measurement(
    scenario: str,
    variant: str,
    number: int,
    taken: Sequence[Mapping[str, float]],
    last: Mapping[str, Any],
) -> Measurement:
    wall_us = [batch["wall_us"] for batch in taken]
    return Measurement(
        scenario,
        variant,
        number,
        min_us=min(wall_us),
        median_us=statistics.median(wall_us),
        cpu_us=statistics.median(batch["cpu_us"] for batch in taken),
        **last,
    )


@contextmanager
def _worker(
    plan: Plan, number: int, scenario: str, variant: str, directory: Path
) -> Iterator[Worker]:
    own = directory / variant
    own.mkdir(mode=0o700)
    arguments = [scenario, variant] + ([str(plan.cpu)] if plan.cpu is not None else [])
    with started(
        f"{scenario} under {variant}",
        "benchmarks.overhead.worker",
        arguments,
        environment(variant, number, own),
        directory / f"{variant}.stderr",
    ) as worker:
        yield worker


def side_by_side(
    stack: ExitStack,
    number: int,
    variants: Sequence[str],
    module: str,
    name: str,
    before: Sequence[str],
    after: Sequence[str],
) -> dict[str, Worker]:
    """Start a process for each variant and wait until all are ready; ``stack`` ends them.

    The arguments of ``module`` are those ``before``, the variant, and those ``after``.
    """
    directory = Path(stack.enter_context(TemporaryDirectory(prefix="inprofile-bench-")))
    workers = {}
    for variant in variants:
        own = directory / variant
        own.mkdir(mode=0o700)
        workers[variant] = stack.enter_context(
            started(
                f"{name} under {variant}",
                module,
                [*before, variant, *after],
                environment(variant, number, own),
                directory / f"{variant}.stderr",
            )
        )
    for worker in workers.values():
        worker.ask(None)
    return workers


def environment(variant: str, number: int, directory: Path) -> dict[str, str]:
    """Return a process's environment: one hash seed a round, so that dicts are laid out alike."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(FOREIGN)}
    own = {"INPROFILE_DIR": str(directory), "PYTHONHASHSEED": str(number)}
    return kept | own | dict(VARIANTS[variant].environment)


def missing(variant: str) -> list[str]:
    """Return the modules that a variant needs and that are not installed."""
    return [module for module in VARIANTS[variant].needs if not _installed(module)]


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _progress(what: str, done: int, runs: Sequence[object], left_s: float | None) -> None:
    """One line that is rewritten on a terminal; a line each tenth of the way elsewhere."""
    left = f", {left_s / 60:.1f} min left" if left_s is not None else ""
    text = f"[{done}/{len(runs)}{left}] {what}"
    if sys.stderr.isatty():
        end = "\n" if done == len(runs) else ""
        print(f"\r\x1b[K{text}", end=end, file=sys.stderr, flush=True)
    elif done % max(len(runs) // 10, 1) == 0 or done == len(runs):
        print(text, file=sys.stderr, flush=True)
