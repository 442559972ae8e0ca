"""The exporters that the environment names, and what each of them is told."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    MetricsData,
    ResourceMetrics,
)

from inprofile.core.guard import guard, log
from inprofile.core.slots import Snapshot
from inprofile.exporters.otel import environment as otel_environment
from inprofile.exporters.otel.quiet import Quiet
from inprofile.exporters.otel.resource import instance_id, resource
from inprofile.exporters.otel_metrics.data import Preference, preference
from inprofile.exporters.otel_metrics.telling import Telling

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

TIMEOUT_S = 30.0


class Receiver(NamedTuple):
    """An exporter, how it wants it, and what it is told."""

    exporter: MetricExporter
    preference: Preference
    telling: Telling


class Sender:
    """Exports the cells to each exporter; to be called, and closed, by the thread that made it.

    ``read`` gives the snapshot; ``directory`` is as for Push; ``service`` is its name unless the
    environment has one; ``slo_ms`` are thresholds among the classic bounds.

    What fails is said once, and once that it fails no more. Invisible to OpenTelemetry's
    instrumentations; to our own, as long as no trace is under way in the thread.
    """

    def __init__(
        self,
        read: Callable[[], Snapshot],
        directory: Path | None,
        service: str,
        slo_ms: tuple[float, ...],
        environment: Mapping[str, str],
    ) -> None:
        self._read = read
        self._directory = directory
        self._service = service
        self._slo_ms = slo_ms
        self._timeout_ms = 1e3 * otel_environment.seconds(
            "OTEL_METRIC_EXPORT_TIMEOUT", TIMEOUT_S, environment
        )
        self._failing: frozenset[str] = frozenset()
        self._quiet = Quiet()
        self._resources: dict[int, Resource] = {}
        self._receivers = self._loaded(environment)
        for receiver in self._receivers:
            self._resource(receiver)  # now: a process that ends can have no detectors' threads

    def _loaded(self, environment: Mapping[str, str]) -> list[Receiver]:
        try:
            names = otel_environment.exporters("metrics", environment)
            exporters = [(name, otel_environment.load("metrics", name)()) for name in names]
        except otel_environment.NoExporter as error:
            log.warning("inprofile: no metrics are exported: %s", error)
            return []
        found = []
        for name, exporter in exporters:
            self._quiet.hush(type(exporter).__module__)
            telling = Telling(self._directory, f"push-{name}", self._slo_ms)
            found.append(Receiver(exporter, preference(exporter), telling))
        return found

    def __call__(self, again_s: float) -> bool:
        """Export; the next time will be in ``again_s``. Whether all has arrived."""
        counted = self._read()
        # All of them before the first is sent: when that returns we may have been closed.
        data = [(receiver, self._data(receiver, counted)) for receiver in self._receivers]
        failing = {}
        with suppress_instrumentation():
            for receiver, told in data:
                problem = self._problem(receiver, told)
                if problem is not None:
                    failing[type(receiver.exporter).__name__] = problem
        self._say(failing, again_s)
        return not failing

    def _say(self, failing: Mapping[str, str], again_s: float) -> None:
        for name in failing.keys() - self._failing:
            log.warning(
                "inprofile: %s cannot export metrics (%s). Nothing is lost: it is tried again "
                "every %g s, and said when it works.",
                name,
                failing[name] or "it does not say why",
                again_s,
            )
        for name in self._failing - failing.keys():
            log.warning("inprofile: %s exports metrics again", name)
        self._failing = frozenset(failing)

    def _problem(self, receiver: Receiver, data: MetricsData) -> str | None:
        """What is in the way of an export, or None."""
        with self._quiet:
            try:
                result = receiver.exporter.export(data, timeout_millis=self._timeout_ms)
            except Exception as error:
                return f"{type(error).__name__}: {error}"[:200]
        if result is not MetricExportResult.SUCCESS:
            return self._quiet.latest
        receiver.telling.arrived()
        return None

    def _data(self, receiver: Receiver, counted: Snapshot) -> MetricsData:
        told = receiver.telling.next(counted, receiver.preference)
        return MetricsData([ResourceMetrics(self._resource(receiver), [told], "")])

    def _resource(self, receiver: Receiver) -> "Resource":
        """That of the count that there is now: there is another one when it begins anew."""
        began_ns = receiver.telling.began_ns()
        if began_ns not in self._resources:
            instance = instance_id(self._directory, began_ns)
            self._resources = {began_ns: resource(self._service, instance)}
        return self._resources[began_ns]

    def close(self) -> None:
        """The end of it."""
        for receiver in self._receivers:
            with guard, suppress_instrumentation(), self._quiet:
                receiver.exporter.shutdown(self._timeout_ms)
        self._quiet.lift()
