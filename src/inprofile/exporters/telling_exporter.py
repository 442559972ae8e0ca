"""An exporter of spans that says once that it fails, and once that it does no more."""

import logging
import sys
import threading
from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from inprofile.core.guard import log

PACKAGE = "opentelemetry.exporter."


class TellingExporter(SpanExporter):
    """Another exporter, whose own words about each try are kept back while we speak for it.

    Those of what it exports for others are not.
    """

    def __init__(self, exporter: Any) -> None:
        self._exporter = exporter
        self._failing = False
        self._exporting = threading.local()
        for name in _modules(exporter):
            logging.getLogger(name).addFilter(self._may_pass)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """As the other one; what it raises counts as a failure."""
        self._exporting.now = True
        try:
            result = self._exporter.export(spans)
            why = ""
        except Exception as error:
            result, why = SpanExportResult.FAILURE, f": {type(error).__name__}: {error}"
        finally:
            self._exporting.now = False
        self._tell(result is SpanExportResult.SUCCESS, why)
        return SpanExportResult(result)

    def shutdown(self) -> None:
        """As the other one."""
        for name in _modules(self._exporter):
            logging.getLogger(name).removeFilter(self._may_pass)
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """As the other one."""
        return bool(self._exporter.force_flush(timeout_millis))

    def _may_pass(self, _record: logging.LogRecord) -> bool:
        return not getattr(self._exporting, "now", False)

    def _tell(self, is_well: bool, why: str) -> None:  # noqa: FBT001 - what it is about
        if is_well != self._failing:
            return
        self._failing = not is_well
        name = type(self._exporter).__name__
        if is_well:
            log.warning("inprofile: spans are exported again by %s", name)
        else:
            log.warning(
                "inprofile: spans cannot be exported by %s%s; they are lost until it can", name, why
            )


def _modules(exporter: object) -> set[str]:
    """What may log on its behalf."""
    return {type(exporter).__module__, *(name for name in sys.modules if name.startswith(PACKAGE))}
