"""What a receiver of OpenTelemetry's is told of the group's cells, export by export."""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from opentelemetry.sdk.metrics.export import Metric, ScopeMetrics
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from inprofile.core.cells import Key
from inprofile.core.metrics import (
    BY_NAME,
    COUNTER,
    EXEMPLARS,
    GAUGE,
    GAUGES,
    HISTOGRAM,
    TOTAL,
)
from inprofile.core.slots import Snapshot, began_ns
from inprofile.exporters.exposed import INTERNAL, Exposed, Shown, Simple, exposed
from inprofile.exporters.otel_metrics.data import Preference, Window, metrics
from inprofile.exporters.otel_metrics.told import Growing, Told, grown

SCOPE = InstrumentationScope("inprofile")

EXPOSED_TYPES = {TOTAL: COUNTER}
"""As what a family's type is told, where that is another one."""


class Telling:
    """Composes exports for the receiver ``name``.

    ``directory`` is the group's, or None where this process shares nothing; ``slo_ms`` are
    thresholds to show among the classic bounds.
    """

    def __init__(self, directory: Path | None, name: str, slo_ms: tuple[float, ...] = ()) -> None:
        self._directory = directory
        self._slo_ms = slo_ms
        self._told = Told(None if directory is None else directory / f"{name}.told")
        self._opened_ns = time.time_ns()
        self._has_noted = False

    def began_ns(self) -> int:
        """When counting began, in nanoseconds since the epoch."""
        return self._opened_ns if self._directory is None else began_ns(self._directory)

    def next(self, counted: Snapshot, wanted: Preference) -> ScopeMetrics:
        """The next export. Until it ``arrived`` the one after it tells the same again.

        Raises OSError where it cannot be noted what is told.
        """
        now_ns = time.time_ns()
        whole = Window(self.began_ns(), now_ns)
        windows = dict.fromkeys((COUNTER, GAUGE, HISTOGRAM), whole)
        shown = Shown(counted.bounds, self._slo_ms)
        families: Iterable[Exposed] = exposed(counted)
        self._has_noted = bool(wanted.deltas)
        if wanted.deltas:
            start_ns, before = self._told.latest(whole.start_ns)
            windows |= dict.fromkeys(wanted.deltas, Window(start_ns, now_ns, is_delta=True))
            families = self._deltas(counted, before, wanted.deltas, now_ns)
        found = metrics(families, shown, windows, is_exponential=wanted.is_exponential)
        return ScopeMetrics(SCOPE, list[Metric](found), "")

    def arrived(self) -> None:
        """The latest export is where it was to go."""
        if self._has_noted:
            self._told.keep()

    def _deltas(
        self, counted: Snapshot, before: Growing, types: frozenset[str], now_ns: int
    ) -> list[Exposed]:
        """The families with what came since ``before`` of those of ``types``; notes what is."""
        growing = {key: words for key, words in counted.series.items() if _grows(key, types)}
        rest = {key: words for key, words in counted.series.items() if key not in growing}
        deltas = dict(_grown(growing, before))
        of = Snapshot(counted.bounds, rest | deltas, counted.workers, counted.skipped)
        outside: dict[Key, list[int]] = {}
        families = [
            _since(family, before, outside) if COUNTER in types else family
            for family in exposed(of)
        ]
        self._told.note(growing | outside, now_ns, counted.bounds)
        return families


def _grows(key: Key, types: frozenset[str]) -> bool:
    """Whether a series is of a family of which deltas are told."""
    family = BY_NAME[key[0]]
    if family.name in INTERNAL or family.type == EXEMPLARS or family.type in GAUGES:
        return False
    return EXPOSED_TYPES.get(family.type, family.type) in types


def _grown(growing: Growing, before: Growing) -> Iterator[tuple[Key, list[int]]]:
    for key, words in growing.items():
        told = before.get(key, ())
        if words != told:
            yield key, grown(words, told)


def _since(family: Exposed, before: Growing, outside: dict[Key, list[int]]) -> Exposed:
    """A counter that is in no cells since ``before``; ``outside`` takes what it is now."""
    if not isinstance(family, Simple) or family.type != COUNTER or family.name in BY_NAME:
        return family
    series = []
    for key, number in family.series:
        now = outside[family.name, *key] = [round(number * 1e9)]
        (by,) = grown(now, before.get((family.name, *key), ()))
        series.append((key, by / 1e9))
    return family._replace(series=series)
