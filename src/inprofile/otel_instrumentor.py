"""What ``opentelemetry-instrument`` loads: measures every application, without a line in any."""

from collections.abc import Collection
from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

from inprofile.bootstrap.sitecustomize import arm


class Instrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Measures each FastAPI, Starlette, Flask, Django and Celery application of the process.

    So it does with any other one that uvicorn or gunicorn serves. Metrics and spans leave by
    OpenTelemetry's exporters, unless INPROFILE_OTEL says otherwise. Never raises: a bad setting is
    said in the log. ``OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=inprofile`` leaves it out.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        """Nothing by itself: the extra ``instruments-any`` says what it takes."""
        return ()

    def _instrument(self, **_: Any) -> None:
        arm(otel="metrics,spans")

    def _uninstrument(self, **_: Any) -> None:
        from inprofile.process import uninstrument

        uninstrument()
