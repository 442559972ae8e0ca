"""Names as Prometheus spells them: https://prometheus.io/docs/practices/naming/."""

from inprofile.core.metrics import COUNTER
from inprofile.exporters.exposed import BYTES, RATIO_UNIT, SECONDS, Exposed

SUFFIXES = {SECONDS: "seconds", BYTES: "bytes", RATIO_UNIT: "ratio"}


def spelled(name: str) -> str:
    """The name of a label, or of a metric without its unit."""
    return name.replace(".", "_")


def named(family: Exposed) -> str:
    """The name of a family, with its unit."""
    return "_".join(filter(None, [spelled(family.name), SUFFIXES.get(family.unit)]))


def sampled(family: Exposed) -> str:
    """The name of its samples, but for those of a histogram."""
    return f"{named(family)}_total" if family.type == COUNTER else named(family)
