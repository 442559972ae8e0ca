"""Pushes the group's metrics to where OpenTelemetry's environment variables say."""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping

from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    MetricsData,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from inprofile.core.guard import guard, log
from inprofile.core.role import Role
from inprofile.core.slots import Snapshot
from inprofile.exporters import otel_environment
from inprofile.exporters.exposed import Shown, exposed
from inprofile.exporters.otel_metrics import Window, metrics

SCOPE = InstrumentationScope("inprofile")

Read = Callable[[], Snapshot]


class Push:
    """Exports what the group has counted, every so often, while this worker has the role to.

    ``read`` gives the snapshot, ``slo_ms`` are thresholds among the classic bounds.
    Runs in a thread of its own: an exporter may take any time, and hangs alone. What it cannot get
    rid of is told the next time: the numbers are those of the whole life of the group.
    """

    def __init__(
        self,
        read: Read,
        role: Role,
        slo_ms: tuple[float, ...] = (),
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._read = read
        self._role = role
        self._slo_ms = slo_ms
        self._environment = environment
        self._is_exponential = otel_environment.is_exponential(environment)
        milliseconds = otel_environment.milliseconds
        self._interval_s = milliseconds("OTEL_METRIC_EXPORT_INTERVAL", 60_000, environment) / 1e3
        self._timeout_ms = milliseconds("OTEL_METRIC_EXPORT_TIMEOUT", 30_000, environment)
        self._exporters: list[MetricExporter] | None = None
        self._failing = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="inprofile-push", daemon=True)
        self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Export once more, and end; after ``timeout_s`` without a word."""
        self._stopping.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        self._role.forget()

    def after_fork_in_child(self) -> None:
        """Let go of what is the parent's, without a word."""
        self._role.forget()

    def _run(self) -> None:
        with suppress_instrumentation():
            while not self._stopping.wait(self._interval_s):
                self._turn()
            self._turn()
            for exporter in self._exporters or ():
                with guard:
                    exporter.shutdown(self._timeout_ms)

    def _turn(self) -> None:
        if self._role.held():
            with guard:
                self._export()

    def _export(self) -> None:
        if self._exporters is None:
            self._exporters = self._loaded()
        if not self._exporters:
            return
        data = self._data(time.time_ns())
        results = [self._exported(exporter, data) for exporter in self._exporters]
        self._tell(all(results))

    def _exported(self, exporter: MetricExporter, data: MetricsData) -> bool:
        try:
            result = exporter.export(data, timeout_millis=self._timeout_ms)
        except Exception as error:
            guard.caught(error)
            return False
        return result is MetricExportResult.SUCCESS

    def _tell(self, is_well: bool) -> None:  # noqa: FBT001 - what it is about
        """Say once that it fails, and once that it does no more."""
        if is_well == self._failing:
            self._failing = not is_well
            names = ", ".join(type(each).__name__ for each in self._exporters or ())
            if is_well:
                log.warning("inprofile: metrics are exported again by %s", names)
            else:
                log.warning(
                    "inprofile: metrics cannot be exported by %s: nothing is lost, they are tried "
                    "again every %g s",
                    names,
                    self._interval_s,
                )

    def _loaded(self) -> list[MetricExporter]:
        try:
            names = otel_environment.exporters("metrics", self._environment)
            found = [otel_environment.load("metrics", name)() for name in names]
        except otel_environment.NoExporter as error:
            log.warning("inprofile: no metrics are exported: %s", error)
            return []
        for exporter in found:
            # What fails is said by us, once; of other threads they say what they did.
            of = logging.getLogger(type(exporter).__module__)
            of.addFilter(lambda record: record.thread != self._thread.ident)
        return found

    def _data(self, now_ns: int) -> MetricsData:
        counted = self._read()
        shown = Shown(counted.bounds, self._slo_ms)
        window = Window(0, now_ns)
        found = metrics(exposed(counted), shown, window, exponential=self._is_exponential)
        scope = ScopeMetrics(SCOPE, list(found), "")
        resource = Resource.create({})
        return MetricsData([ResourceMetrics(resource, [scope], "")])
