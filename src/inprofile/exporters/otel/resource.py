"""Who our telemetry is about, in OpenTelemetry's words."""

import socket
import uuid
from pathlib import Path

from opentelemetry.sdk.resources import (
    SERVICE_INSTANCE_ID,
    SERVICE_NAME,
    OTELResourceDetector,
    Resource,
)


def resource(service: str, instance: str) -> Resource:
    """The group of workers of ``service``; empty is what is not known.

    What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say wins. Costs a millisecond, and what
    the detectors that OTEL_EXPERIMENTAL_RESOURCE_DETECTORS names cost.
    """
    ours = _unless_told({SERVICE_NAME: service, SERVICE_INSTANCE_ID: instance})
    try:
        return Resource.create(ours)
    except RuntimeError:  # it starts threads, which a process that ends has no more
        return Resource(ours).merge(OTELResourceDetector().detect())


def of_group(theirs: Resource, instance: str) -> Resource:
    """The same as the user's own, of the group instead of one worker."""
    return theirs.merge(Resource(_unless_told({SERVICE_INSTANCE_ID: instance})))


def instance_id(directory: Path | None, began_ns: int) -> str:
    """Names the group that shares ``directory`` and has counted since ``began_ns``.

    The same for all of its workers, for as long as it counts.
    """
    what = f"{socket.gethostname()}:{directory}:{began_ns}"
    return str(uuid.uuid5(uuid.NAMESPACE_URL, what))


def _unless_told(ours: dict[str, str]) -> dict[str, str]:
    """What the environment says nothing of."""
    told = OTELResourceDetector().detect().attributes
    return {name: value for name, value in ours.items() if value and name not in told}
