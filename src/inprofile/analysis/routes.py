"""Routes, jobs and websockets, ranked by the time they took in all."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import accumulate

from inprofile.analysis.distribution import Distribution
from inprofile.analysis.series import Words, grouped, observations
from inprofile.analysis.stages import Stage, stages
from inprofile.core.cells import Key
from inprofile.core.metrics import FIRST_BYTE, STAGE, Family
from inprofile.core.model import OVERFLOW
from inprofile.core.slots import Snapshot


@dataclass(frozen=True, slots=True)
class Method:
    """One method of a route; stages are known of the route as a whole only."""

    method: str
    failed: int
    duration: Distribution


@dataclass(frozen=True, slots=True)
class Route:
    """One route, job or websocket.

    ``share`` is its part (0...1) of the time of everything of its kind and
    ``cumulative_share`` that of it and all above it. ``rate_per_s`` is the count over the
    group's life, None when that is not known. ``failed`` counts exceptions and statuses from
    500 on, ``errors`` by type; ``statuses`` counts responses by status;
    ``first_byte`` is known of streamed responses.
    """

    route: str
    methods: tuple[Method, ...]
    share: float
    cumulative_share: float
    rate_per_s: float | None
    failed: int
    errors: dict[str, int]
    statuses: dict[str, int]
    duration: Distribution
    first_byte: Distribution | None
    stages: tuple[Stage, ...]

    @property
    def stages_ns(self) -> int:
        """The sum of all stages: the duration, and the queue before it."""
        return sum(stage.total_ns for stage in self.stages)

    @property
    def unexplained_ns(self) -> int:
        """What the stages miss of the duration (or, below zero, have too much)."""
        return self.duration.total_ns - sum(
            stage.total_ns for stage in self.stages if stage.stage != "queue"
        )


def routes(
    counted: Snapshot,
    family: Family,
    seconds: float | None,
    elsewhere: Collection[str] = (),
) -> tuple[Route, ...]:
    """What ``family`` counts, by route, the most expensive first.

    ``seconds`` is the time base of rates. Routes in ``elsewhere`` share their stage cells
    with work of another kind, which has them.
    """
    name = "http.route" if "http.route" in family.labels else "inprofile.job"
    by_route = [(key[0], rows) for key, rows in grouped(counted, family, name).items()]
    durations = {route: _duration(rows, counted) for route, rows in by_route}
    by_route.sort(key=lambda row: (-durations[row[0]].total_ns, row[0]))
    total_ns = sum(duration.total_ns for duration in durations.values())
    running_ns = accumulate(durations[route].total_ns for route, _ in by_route)
    staged = grouped(counted, STAGE, "http.route")
    first_byte = grouped(counted, FIRST_BYTE, "http.route") if "url.scheme" in family.labels else {}
    result = []
    for (route, rows), so_far_ns in zip(by_route, running_ns, strict=True):
        duration = durations[route]
        own_stages = [] if route in elsewhere else staged.get((route,), [])
        errors = _by(rows, family, "error.type")
        first = first_byte.get((route,))
        result.append(
            Route(
                route=route,
                methods=_methods(rows, family, counted),
                share=duration.total_ns / total_ns if total_ns else 0.0,
                cumulative_share=so_far_ns / total_ns if total_ns else 0.0,
                rate_per_s=duration.count / seconds if seconds else None,
                failed=sum(errors.values()),
                errors=errors,
                statuses=_by(rows, family, "http.response.status_code"),
                duration=duration,
                first_byte=_duration(first, counted) if first else None,
                stages=stages(own_stages, duration.count, counted.bounds),
            )
        )
    return tuple(result)


def _duration(rows: Iterable[tuple[Key, Words]], counted: Snapshot) -> Distribution:
    return Distribution.of([words for _, words in rows], counted.bounds)


def _by(rows: Iterable[tuple[Key, Words]], family: Family, label: str) -> dict[str, int]:
    """How often each known value of ``label`` was counted, the most frequent first."""
    if label not in family.labels:
        return {}
    at = family.labels.index(label)
    counts: Counter[str] = Counter()
    for values, words in rows:
        if values[at] not in {"", OVERFLOW}:
            counts[values[at]] += observations(family, words)
    return dict(counts.most_common())


def _methods(
    rows: Iterable[tuple[Key, Words]], family: Family, counted: Snapshot
) -> tuple[Method, ...]:
    if "http.request.method" not in family.labels:
        return ()
    at = family.labels.index("http.request.method")
    by_method: dict[str, list[tuple[Key, Words]]] = {}
    for values, words in rows:
        by_method.setdefault(values[at], []).append((values, words))
    methods = [
        Method(method, sum(_by(own, family, "error.type").values()), _duration(own, counted))
        for method, own in by_method.items()
    ]
    return tuple(sorted(methods, key=lambda each: (-each.duration.total_ns, each.method)))
