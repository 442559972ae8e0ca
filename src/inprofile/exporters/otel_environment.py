"""What OpenTelemetry's environment variables say, where its SDK keeps that for itself.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

PROTOCOLS = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}

INTERVAL_MS = 60_000
TIMEOUT_MS = 30_000

PACKAGES = {
    "otlp_proto_grpc": "opentelemetry-exporter-otlp-proto-grpc",
    "otlp_proto_http": "opentelemetry-exporter-otlp-proto-http",
}


class NoExporter(Exception):
    """What the variables ask for is not to be had; says what to do."""


def is_disabled(environment: Mapping[str, str]) -> bool:
    """Whether all of OpenTelemetry is to be off."""
    return environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def exporters(signal: str, environment: Mapping[str, str]) -> list[str]:
    """The names of the exporters of a signal (``metrics``, ``traces``), by their entry points.

    Raises NoExporter for a protocol that is none.
    """
    names = environment.get(f"OTEL_{signal.upper()}_EXPORTER", "").strip() or "otlp"
    found = [name.strip() for name in names.split(",")]
    return [_entry_point(name, signal, environment) for name in found if name not in {"", "none"}]


def _entry_point(name: str, signal: str, environment: Mapping[str, str]) -> str:
    if name != "otlp":
        return name
    variable = f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL"
    for each in (variable, "OTEL_EXPORTER_OTLP_PROTOCOL"):
        protocol = environment.get(each, "").strip()
        if protocol and protocol not in PROTOCOLS:
            allowed = " or ".join(PROTOCOLS)
            raise NoExporter(f"{each}={protocol!r} is not allowed: it takes {allowed}")
        if protocol:
            return PROTOCOLS[protocol]
    return PROTOCOLS["grpc"]


def load(signal: str, name: str) -> Any:
    """The class that an entry point names. Raises NoExporter."""
    group = f"opentelemetry_{signal}_exporter"
    for found in entry_points(group=group, name=name):
        try:
            return found.load()
        except ImportError as error:
            raise NoExporter(f"the exporter {name!r} cannot be loaded: {error}") from error
    package = PACKAGES.get(name)
    advice = f"pip install {package}" if package else f"none of {_known(group)}"
    raise NoExporter(f"there is no exporter {name!r} for {signal}: {advice}")


def _known(group: str) -> str:
    return ", ".join(sorted({found.name for found in entry_points(group=group)})) or "any"


def milliseconds(name: str, default: int, environment: Mapping[str, str]) -> int:
    """A length of time; the default for what is none."""
    text = environment.get(name, "").strip()
    return int(text) if text.isdecimal() and int(text) else default


def is_delta(environment: Mapping[str, str]) -> bool:
    """Whether counters and histograms are to say what came since the last export alone."""
    name = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
    return environment.get(name, "").strip().lower() in {"delta", "lowmemory"}


def is_exponential(environment: Mapping[str, str]) -> bool:
    """Whether histograms are to be exponential."""
    name = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"
    wanted = environment.get(name, "").strip().lower()
    return wanted == "base2_exponential_bucket_histogram"
