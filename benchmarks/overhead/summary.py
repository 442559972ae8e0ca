"""From measurements to figures: pure functions over plain data."""

import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from benchmarks.overhead.results import Results
from benchmarks.overhead.scenarios import SCENARIOS

BARE, CONTRIB = "bare", "contrib"
ON, LOOPLESS = "on", "loopless"


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some rounds and how far they lie apart."""

    median: float
    low: float
    high: float

    def around(self, form: str) -> str:
        """Return the median (least … greatest), each formatted so."""
        return f"{self.median:{form}} ({self.low:{form}} … {self.high:{form}})"


@dataclass(frozen=True, slots=True)
class Row:
    """One scenario under one variant.

    ``added`` is over bare in the same round; ``of_contrib`` is its median as a share of
    contrib's; ``query`` is what each query adds beyond what the request itself adds.
    ``watching`` is the part of ``added`` that watching event loops has: over the same with loops
    not watched, in the same round; ``step`` is that of each step beyond the request's own. None
    stands for what cannot be known from this run.
    """

    scenario: str
    variant: str
    us: Spread
    times_bare: float
    added: Spread | None
    of_contrib: float | None
    query: Spread | None
    peak_bytes: dict[int, int]
    watching: Spread | None = None
    step: Spread | None = None


def spread(values: Iterable[float]) -> Spread | None:
    """Return the median and the extremes of ``values``, None without any."""
    listed = list(values)
    if not listed:
        return None
    return Spread(statistics.median(listed), min(listed), max(listed))


def differences(these: Mapping[int, float], those: Mapping[int, float]) -> dict[int, float]:
    """Subtract round by round, where both have the round."""
    return {number: these[number] - those[number] for number in these if number in those}


def added(results: Results, scenario: str, variant: str) -> dict[int, float]:
    """Return what ``variant`` adds to a request, by round; nothing for bare itself."""
    if variant == BARE:
        return {}
    return differences(results.by_round(scenario, variant), results.by_round(scenario, BARE))


def added_per_query(results: Results, scenario: str, variant: str) -> dict[int, float]:
    """Return what ``variant`` adds to each query of a scenario, by round.

    That is what it adds to the request, less what it adds to the base request of the same
    round, by the number of queries. It includes the checkout and the rollback.
    """
    return _apiece(added, results, scenario, variant, SCENARIOS[scenario].queries)


def watching(results: Results, scenario: str, variant: str) -> dict[int, float]:
    """Return what watching event loops adds to a request, by round."""
    if variant != ON:
        return {}
    return differences(results.by_round(scenario, ON), results.by_round(scenario, LOOPLESS))


def watching_per_step(results: Results, scenario: str, variant: str) -> dict[int, float]:
    """Return what watching event loops adds to each step of a scenario, by round.

    That is what it adds to the request, less what it adds to the base request of the same round,
    by the number of steps.
    """
    return _apiece(watching, results, scenario, variant, SCENARIOS[scenario].steps)


def _apiece(
    cost: Callable[[Results, str, str], dict[int, float]],
    results: Results,
    scenario: str,
    variant: str,
    pieces: int,
) -> dict[int, float]:
    if not pieces:
        return {}
    base = cost(results, SCENARIOS[scenario].base, variant)
    beyond = differences(cost(results, scenario, variant), base)
    return {number: us / pieces for number, us in beyond.items()}


def rows(results: Results) -> list[Row]:
    """Return a row for each scenario and variant, in the order of the measurements."""
    return [
        row for scenario in results.names("scenario") for row in _scenario_rows(results, scenario)
    ]


def _scenario_rows(results: Results, scenario: str) -> list[Row]:
    contrib = spread(added(results, scenario, CONTRIB).values())
    bare = spread(results.by_round(scenario, BARE).values())
    found = []
    for variant in results.names("variant"):
        us = spread(results.by_round(scenario, variant).values())
        if us is None or bare is None:
            continue
        more = spread(added(results, scenario, variant).values())
        found.append(
            Row(
                scenario=scenario,
                variant=variant,
                us=us,
                times_bare=us.median / bare.median,
                added=more,
                of_contrib=share(more, contrib),
                query=spread(added_per_query(results, scenario, variant).values()),
                peak_bytes=results.peak_bytes(scenario, variant),
                watching=spread(watching(results, scenario, variant).values()),
                step=spread(watching_per_step(results, scenario, variant).values()),
            )
        )
    return found


def share(part: Spread | None, whole: Spread | None) -> float | None:
    """Return the ratio of two medians, None where the second is not above zero."""
    if part is None or whole is None or whole.median <= 0:
        return None
    return part.median / whole.median


def growth(peak_bytes: Mapping[int, int], bare: Mapping[int, int]) -> int | None:
    """Return how much more a long response takes than a short one, beyond what bare does."""
    sizes = sorted(set(peak_bytes) & set(bare))
    if len(sizes) < 2:
        return None
    short, long = sizes[0], sizes[-1]
    return (peak_bytes[long] - bare[long]) - (peak_bytes[short] - bare[short])


def disagreements(results: Results) -> list[str]:
    """Name the variants that answered otherwise than bare did."""
    expected = {one.scenario: one.answer for one in results.measurements if one.variant == BARE}
    return sorted(
        {
            f"{one.scenario} under {one.variant}"
            for one in results.measurements
            if expected.get(one.scenario, one.answer) != one.answer
        }
    )
