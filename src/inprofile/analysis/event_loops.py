"""How late and how busy the event loops are, and which route costs which other one how much."""

from collections.abc import Iterator
from dataclasses import dataclass

from inprofile.analysis.distribution import Distribution
from inprofile.analysis.series import grouped, series
from inprofile.core.cells import COUNT, SUM
from inprofile.core.metrics import (
    CULPRIT,
    LAG,
    LOOP_TYPE,
    LOOP_WAIT,
    RATIO_PARTS,
    UTILIZATION,
)
from inprofile.core.slots import Snapshot

EXACT = "selector"
"""How the utilization of a loop is known that tells when it is idle."""


@dataclass(frozen=True, slots=True)
class EventLoop:
    """All event loops of one type: ``asyncio``, ``uvloop``.

    ``utilization`` is that of each live worker (0...1), the busiest first; ``is_estimate`` says
    that it is one.
    """

    type: str
    lag: Distribution
    utilization: tuple[float, ...]
    is_estimate: bool


@dataclass(frozen=True, slots=True)
class LoopWait:
    """What one route cost another: time in which ``route`` was ready while ``culprit`` ran.

    ``per_minute_ns`` is over the group's life, None when that is not known.
    """

    route: str
    culprit: str
    count: int
    total_ns: int
    per_minute_ns: int | None


def event_loops(counted: Snapshot) -> tuple[EventLoop, ...]:
    """Every type of loop that was seen, the latest first."""
    found = [
        EventLoop(
            kind,
            Distribution.of([words for _, words in rows], counted.bounds),
            *_utilization(counted, kind),
        )
        for (kind,), rows in grouped(counted, LAG, LOOP_TYPE).items()
    ]
    return tuple(sorted(found, key=lambda each: (-each.lag.p99_ns, each.type)))


def _utilization(counted: Snapshot, kind: str) -> tuple[tuple[float, ...], bool]:
    rows = grouped(counted, UTILIZATION, LOOP_TYPE, "method")
    parts, methods = [], set()
    for (of, method), workers in rows.items():
        if of == kind:
            methods.add(method)
            parts += [words[0] / RATIO_PARTS for _, words in workers]
    return tuple(sorted(parts, reverse=True)), methods != {EXACT}


def waits(counted: Snapshot, seconds: float | None) -> tuple[LoopWait, ...]:
    """Who waited for whom, the costliest first."""
    return tuple(sorted(_waits(counted, seconds), key=lambda each: (-each.total_ns, each.route)))


def _waits(counted: Snapshot, seconds: float | None) -> Iterator[LoopWait]:
    victim, culprit = LOOP_WAIT.labels.index("http.route"), LOOP_WAIT.labels.index(CULPRIT)
    for values, words in series(counted, LOOP_WAIT):
        yield LoopWait(
            values[victim],
            values[culprit],
            words[COUNT],
            words[SUM],
            round(words[SUM] * 60 / seconds) if seconds else None,
        )
