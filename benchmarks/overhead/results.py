"""What was measured: plain data, saved and loaded as JSON."""

import json
from collections.abc import Container
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.overhead.scenarios import SCENARIOS
from benchmarks.overhead.variants import VARIANTS

FIGURES = {
    "min": "the fastest of {batches} batches in each process",
    "median": "the median of {batches} batches in each process",
    "cpu": "CPU time of the whole process, the median of {batches} batches",
}
"""What can stand for one process, and how to say it; the field of each ends in ``_us``."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One process: a scenario under a variant. Microseconds are per request."""

    scenario: str
    variant: str
    round: int
    answer: int
    min_us: float
    median_us: float
    cpu_us: float
    peak_bytes: dict[str, int] = field(default_factory=dict)
    facts: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Results:
    """All measurements of one run, and what they were made on. ``figure`` is one of FIGURES."""

    measurements: list[Measurement]
    rounds: int
    batches: int
    about: dict[str, str]
    figure: str = "min"

    def names(self, kind: str) -> list[str]:
        """Return the scenarios or variants that occur."""
        return list(dict.fromkeys(getattr(one, kind) for one in self.measurements))

    def by_round(self, scenario: str, variant: str) -> dict[int, float]:
        """Return the microseconds per request of each round."""
        return {
            one.round: float(getattr(one, f"{self.figure}_us"))
            for one in self.measurements
            if (one.scenario, one.variant) == (scenario, variant)
        }

    def peak_bytes(self, scenario: str, variant: str) -> dict[int, int]:
        """Return the least growth of memory in one request, by its number of chunks."""
        least: dict[int, int] = {}
        for one in self.measurements:
            if (one.scenario, one.variant) == (scenario, variant):
                for size, grown in one.peak_bytes.items():
                    least[int(size)] = min(grown, least.get(int(size), grown))
        return least

    def save(self, path: Path) -> None:
        """Write everything to ``path``."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")


def load(path: Path) -> Results:
    """Read what ``save`` wrote. Raises OSError or, for any other file, ValueError."""
    try:
        data = json.loads(path.read_text())
        measurements = [Measurement(**one) for one in data["measurements"]]
        results = Results(**data | {"measurements": measurements})
    except (KeyError, TypeError, ValueError) as problem:
        raise ValueError(f"{path} was not written by `overhead --save`: {problem}") from problem
    _check("scenario", results.names("scenario"), SCENARIOS)
    _check("variant", results.names("variant"), VARIANTS)
    _check("figure", [results.figure], FIGURES)
    return results


def _check(kind: str, names: list[str], known: Container[str]) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"there is no {kind} {name!r} here: measured by another version?")
