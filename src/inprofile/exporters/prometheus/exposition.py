"""The group's cells as a scrape of Prometheus, in the format that it asks for."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import ModuleType
from typing import NamedTuple

from inprofile.core.slots import Snapshot
from inprofile.exporters.exposed import Exposed, Shown, exposed
from inprofile.exporters.prometheus import openmetrics, protobuf, text
from inprofile.exporters.serving.accept import Range, ranges

Encode = Callable[[Iterable[Exposed], Shown], Iterator[bytes]]


class Format(NamedTuple):
    """A format by its media type; of each parameter that matters, the values that are it."""

    name: str
    parameters: Mapping[str, frozenset[str | None]]
    content_type: str
    encoded: Encode


def _format(module: ModuleType, **parameters: set[str | None]) -> Format:
    name = module.CONTENT_TYPE.partition(";")[0]
    allowed = {key: frozenset(values) for key, values in parameters.items()}
    return Format(name, allowed, module.CONTENT_TYPE, module.encoded)


FORMATS = (
    _format(text, version={"0.0.4", None}),
    _format(openmetrics, version={"1.0.0", "0.0.1", None}),
    _format(protobuf, proto={"io.prometheus.client.MetricFamily"}, encoding={"delimited"}),
)
"""The first is for who asks for any."""


def exposition(
    counted: Snapshot, accept: str, slo_ms: Iterable[float] = ()
) -> tuple[Iterator[bytes], str]:
    """Body, part by part, and content type of a scrape, for an Accept header."""
    chosen = _chosen(accept)
    return chosen.encoded(exposed(counted), Shown(counted.bounds, slo_ms)), chosen.content_type


def _chosen(accept: str) -> Format:
    for wanted in ranges(accept):
        for offered in FORMATS:
            if wanted.quality and _fits(wanted, offered):
                return offered
    return FORMATS[0]


def _fits(wanted: Range, offered: Format) -> bool:
    if wanted.name in {"*/*", f"{offered.name.partition('/')[0]}/*"}:
        return True
    return wanted.name == offered.name and all(
        wanted.parameters.get(key) in allowed for key, allowed in offered.parameters.items()
    )
