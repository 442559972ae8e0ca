"""What launched programs run with."""

import pytest

from tests.launching.launchers import OTHERS


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """Nothing leaves by OTLP; OpenTelemetry instruments frameworks alone; Django has its site."""
    monkeypatch.setenv("INPROFILE_OTEL", "")
    for signal in ("TRACES", "METRICS", "LOGS"):
        monkeypatch.setenv(f"OTEL_{signal}_EXPORTER", "none")
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", OTHERS)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.launching.django_settings")
