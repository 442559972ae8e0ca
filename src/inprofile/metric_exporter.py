"""An exporter for a MeterProvider of the user's own, which takes our metrics along."""

from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics.export import (
    MetricExporter as OtelMetricExporter,
)
from opentelemetry.sdk.metrics.export import (
    MetricExportResult,
    MetricsData,
)

from inprofile.core.guard import guard
from inprofile.exporters.otel_metrics.data import preference
from inprofile.process import hook_process, running

if TYPE_CHECKING:
    from inprofile.exporters.otel_metrics.carrier import Carrier


class MetricExporter(OtelMetricExporter):
    """``inner`` with the group's metrics in each of its exports.

    ``PeriodicExportingMetricReader(inprofile.MetricExporter(OTLPMetricExporter()))`` sends them
    with the app's own, in the temporality and with the histograms that ``inner`` prefers. Of
    several workers one does so for all. Where there are several of these, each is given another
    ``name``. An export that fails is the app's as before; ours are told with the next one.
    """

    def __init__(self, inner: OtelMetricExporter, name: str = "carried") -> None:
        # Before the provider that it is for: at exit that exports first and we close after it.
        hook_process()
        self._inner = inner
        self._name = name

    def __getattr__(self, name: str) -> Any:
        """What the SDK's reader, or who has made ``inner``, asks it for."""
        if name == "_inner":  # not made yet, as in a copy
            raise AttributeError(name)
        return getattr(self._inner, name)

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        """Export both; the result is that of ``inner``."""
        carrier, laden = None, None
        with guard:
            carrier = self._carrier()
            laden = carrier and carrier.laden(metrics_data, preference(self._inner))
        result = self._inner.export(laden or metrics_data, timeout_millis, **kwargs)
        if carrier and laden and result is MetricExportResult.SUCCESS:
            with guard:
                carrier.arrived()
        return result

    def _carrier(self) -> "Carrier | None":
        runtime = running()
        return None if runtime is None else runtime.outlets.carrier(self._name)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """As ``inner`` does."""
        return self._inner.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """As ``inner`` does; another worker may take our metrics along from now on."""
        with guard:
            carrier = self._carrier()
            if carrier:
                carrier.close()
        self._inner.shutdown(timeout_millis, **kwargs)
