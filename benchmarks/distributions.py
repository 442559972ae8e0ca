"""The distributions that a real server is given, and how many requests at once leave them so."""

import random
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.accuracy import bimodal, lognormal, submillisecond


class Distribution(NamedTuple):
    """What is drawn from it are seconds."""

    about: str
    draw: Callable[[random.Random], float]
    at_once: int


def heavy(chance: random.Random) -> float:
    """Seconds of a route of which few are very long: no moment but the first is finite."""
    return min(0.01 * chance.paretovariate(1.2), 20)


DISTRIBUTIONS = {
    "lognormal": Distribution("lognormal, median 40 ms", lognormal, 16),
    "bimodal": Distribution("bimodal, 3 ms and 120 ms", bimodal, 16),
    "heavy": Distribution("heavy tail (Pareto), from 10 ms on", heavy, 16),
    "submillisecond": Distribution(
        "sub-millisecond, median 120 µs and the server's", submillisecond, 1
    ),
}
