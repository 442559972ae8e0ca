"""Prometheus' text format 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from inprofile.core.cells import Key
from inprofile.exporters.exposed import Durations, Exposed, Histogram, Shown, Simple
from inprofile.exporters.prometheus.spelling import named, sampled, spelled

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

PART = 64
"""Series that are put together at once."""

_SPECIAL = re.compile(r'[\\"\n]')
_IN_VALUE = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_IN_HELP = str.maketrans({"\\": r"\\", "\n": r"\n"})

Finish = Callable[[str, Durations, Shown], str]
"""What another format makes of the lines of one series of a histogram."""


def encoded(families: Iterable[Exposed], shown: Shown) -> Iterator[bytes]:
    """The exposition, part by part."""
    for family in families:
        name, about = sampled(family), family.help.translate(_IN_HELP)
        yield f"# HELP {name} {about}\n# TYPE {name} {family.type}\n".encode()
        yield from samples(family, shown)


def samples(family: Exposed, shown: Shown, finish: Finish | None = None) -> Iterator[bytes]:
    """The samples of a family."""
    found = _simple(family) if isinstance(family, Simple) else _histogram(family, shown, finish)
    part: list[str] = []
    for lines in found:
        part.append(lines)
        if len(part) >= PART:
            yield "".join(part).encode()
            part.clear()
    if part:
        yield "".join(part).encode()


def _simple(family: Simple) -> Iterator[str]:
    name, labels = sampled(family), [*map(spelled, family.labels)]
    for key, number in family.series:
        pairs = labelled(labels, key)
        yield f"{name}{{{pairs}}} {number!r}\n" if pairs else f"{name} {number!r}\n"


def _histogram(family: Histogram, shown: Shown, finish: Finish | None) -> Iterator[str]:
    """Written into one form: most of a scrape are the buckets of histograms."""
    form, labels = _form(family, shown), [*map(spelled, family.labels)]
    for each in family.series:
        cumulative = shown.cumulative(each.counts)
        pairs = labelled(labels, each.key).replace("%", "%%")
        lines = form.replace("\0", pairs) % (*cumulative, cumulative[-1], each.seconds)
        yield lines if finish is None else finish(lines, each, shown)


def _form(family: Histogram, shown: Shown) -> str:
    """The lines of a series with a NUL for its labels, and for its numbers what they are."""
    name, comma = named(family), "," if family.labels else ""
    bounds = [*map(repr, shown.seconds), "+Inf"]
    lines = [f'{name}_bucket{{\0{comma}le="{bound}"}} %d\n' for bound in bounds]
    pairs = "{\0}" if family.labels else ""
    return "".join([*lines, f"{name}_count{pairs} %d\n", f"{name}_sum{pairs} %r\n"])


def labelled(names: Sequence[str], values: Key) -> str:
    """Label names with their values: ``a="x",b="y"``."""
    pairs = zip(names, values, strict=True)
    return ",".join([f'{name}="{escaped(value)}"' for name, value in pairs])


def escaped(value: str) -> str:
    """What may stand between quotes."""
    return value.translate(_IN_VALUE) if _SPECIAL.search(value) else value
