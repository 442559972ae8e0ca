"""Runs every scenario under every variant, each in a fresh process, again and again."""

import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.overhead.results import Measurement
from benchmarks.overhead.scenarios import SCENARIOS
from benchmarks.overhead.variants import VARIANTS

ROOT = Path(__file__).parents[2]
FOREIGN = ("INPROFILE_", "OTEL_", "FASTAPI_OTEL", "PROMETHEUS_")
"""Variables that would configure a variant behind our back."""

PATIENCE_S = 600


class Failed(Exception):  # noqa: N818 - reads as a sentence where it is raised
    """A process gave no figures; the message holds its last words."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. ``cpu`` pins every process to that one; None leaves it to the system."""

    scenarios: Sequence[str]
    variants: Sequence[str]
    rounds: int
    batches: int
    seed: int
    cpu: int | None = None

    def runs(self) -> Iterator[tuple[int, str, str]]:
        """Say which round, scenario and variant comes when.

        The variants of one scenario follow each other, in another order each round: what
        slows the machine for a minute then slows all of them, and none is always first.
        """
        chance = random.Random(self.seed)  # noqa: S311 - an order, not a secret
        for number in range(1, self.rounds + 1):
            for scenario in self.scenarios:
                for variant in chance.sample(self.variants, len(self.variants)):
                    yield number, scenario, variant


def measured(plan: Plan) -> list[Measurement]:
    """Carry the plan out, with progress on stderr. Raises Failed."""
    runs = list(plan.runs())
    measurements: list[Measurement] = []
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="inprofile-bench-") as directory:
        for done, (number, scenario, variant) in enumerate(runs):
            left_s = (time.monotonic() - started_s) / done * (len(runs) - done) if done else None
            _progress(f"round {number}/{plan.rounds}: {scenario}, {variant}", done, runs, left_s)
            own = Path(directory, str(done))
            own.mkdir(mode=0o700)
            measurements.append(_measure(plan, number, scenario, variant, own))
    _progress("done", len(runs), runs, None)
    return measurements


def _measure(plan: Plan, number: int, scenario: str, variant: str, directory: Path) -> Measurement:
    command = [sys.executable, "-m", "benchmarks.overhead.worker"]
    command += [scenario, variant, str(plan.batches)]
    command += [str(plan.cpu)] if plan.cpu is not None else []
    process = subprocess.run(
        command,
        cwd=ROOT,
        env=_environment(variant, number, directory),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    if process.returncode:
        raise Failed(f"{scenario} under {variant} failed:\n{process.stderr[-2000:]}")
    return Measurement(scenario, variant, number, **json.loads(process.stdout.splitlines()[-1]))


def _environment(variant: str, number: int, directory: Path) -> dict[str, str]:
    """The environment of one process: one hash seed a round, so that dicts are laid out alike."""
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


def known_scenarios() -> list[str]:
    """Return the names of all scenarios."""
    return list(SCENARIOS)


def _progress(what: str, done: int, runs: Sequence[object], left_s: float | None) -> None:
    """One line that is rewritten on a terminal; a line each tenth of the way elsewhere."""
    left = f", {left_s / 60:.1f} min left" if left_s is not None else ""
    text = f"[{done}/{len(runs)}{left}] {what}"
    if sys.stderr.isatty():
        end = "\n" if done == len(runs) else ""
        print(f"\r\x1b[K{text}", end=end, file=sys.stderr, flush=True)
    elif done % max(len(runs) // 10, 1) == 0 or done == len(runs):
        print(text, file=sys.stderr, flush=True)
