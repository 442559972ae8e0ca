"""What OpenTelemetry's environment variables say, where its SDK keeps that for itself.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from collections.abc import Iterable, Mapping
from threading import TIMEOUT_MAX
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

PROTOCOLS = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}
"""The first of them that is installed is taken where no variable says which."""

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
    installed = {found.name for found in _installed(signal)}
    known = PROTOCOLS.values()
    return next((each for each in known if each in installed), PROTOCOLS["http/protobuf"])


def load(signal: str, name: str) -> Any:
    """The class that an entry point names. Raises NoExporter."""
    for found in _installed(signal):
        if found.name == name:
            try:
                return found.load()
            except ImportError as error:
                raise NoExporter(f"the exporter {name!r} cannot be loaded: {error}") from error
    package = PACKAGES.get(name)
    known = ", ".join(sorted({found.name for found in _installed(signal)})) or "any"
    advice = f"pip install {package}" if package else f"none of {known}"
    raise NoExporter(f"there is no exporter {name!r} for {signal}: {advice}")


def _installed(signal: str) -> Iterable["EntryPoint"]:
    from importlib.metadata import entry_points

    return entry_points(group=f"opentelemetry_{signal}_exporter")


def seconds(name: str, default: float, environment: Mapping[str, str]) -> float:
    """A length of time that is given in milliseconds; ``default`` for what is none."""
    try:
        found = float(environment.get(name, "")) / 1e3
    except ValueError:
        return default
    return min(found, TIMEOUT_MAX) if found > 0 else default
