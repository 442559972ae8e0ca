"""OpenMetrics 1.0: the text format with units, exemplars and an end.

https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

from collections.abc import Iterable, Iterator

from inprofile.exporters.exposed import Durations, Exposed, Shown
from inprofile.exporters.prometheus import text
from inprofile.exporters.prometheus.spelling import SUFFIXES, named

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

END = b"# EOF\n"


def encoded(families: Iterable[Exposed], shown: Shown) -> Iterator[bytes]:
    """The exposition, part by part."""
    for family in families:
        name, unit = named(family), SUFFIXES.get(family.unit)
        about = f"# HELP {name} {text.escaped(family.help)}\n# TYPE {name} {family.type}\n"
        yield (about + (f"# UNIT {name} {unit}\n" if unit else "")).encode()
        yield from text.samples(family, shown, _with)
    yield END


def _with(lines: str, series: Durations, shown: Shown) -> str:
    """The lines of a histogram's series with its exemplars; the latest of each bucket."""
    if not series.exemplars:
        return lines
    apart = lines.splitlines()
    for at, one in shown.latest(series.exemplars).items():
        about = f'{{trace_id="{one.trace_id}"}} {one.value_ns / 1e9!r} {one.at_ns / 1e9!r}'
        apart[at] += f" # {about}"
    return "\n".join(apart) + "\n"
