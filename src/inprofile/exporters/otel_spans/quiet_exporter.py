"""An exporter of spans whose failures are said once, and so is that it does no more."""

from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from inprofile.core.guard import log
from inprofile.exporters.otel.quiet import Quiet


class QuietExporter(SpanExporter):
    """Another exporter, whose own words about each try are kept back while we speak for it.

    Those of what it exports for others are not.
    """

    def __init__(self, exporter: Any) -> None:
        self._exporter = exporter
        self._failing = False
        self._quiet = Quiet()
        self._quiet.hush(type(exporter).__module__)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """As the other one; what it raises counts as a failure."""
        with self._quiet:
            try:
                result = self._exporter.export(spans)
                why = self._quiet.latest
            except Exception as error:
                result, why = SpanExportResult.FAILURE, f"{type(error).__name__}: {error}"
        self._tell(result is SpanExportResult.SUCCESS, why)
        return SpanExportResult(result)

    def shutdown(self) -> None:
        """As the other one."""
        self._quiet.lift()
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """As the other one."""
        return bool(self._exporter.force_flush(timeout_millis))

    def _tell(self, is_well: bool, why: str) -> None:  # noqa: FBT001 - what it is about
        if is_well != self._failing:
            return
        self._failing = not is_well
        name = type(self._exporter).__name__
        if is_well:
            log.warning("inprofile: %s exports spans again", name)
        else:
            log.warning(
                "inprofile: %s cannot export spans (%s): they are lost until it can",
                name,
                why or "it does not say why",
            )
