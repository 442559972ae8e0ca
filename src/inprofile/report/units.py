"""Numbers as people read them: durations, shares, rates and places in code."""

import re
from datetime import UTC, datetime

_UNITS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"))
_LIBRARY = re.compile(r".*/(?:site-packages|dist-packages|lib/python\d[^/]*)/")
_COLUMNS = re.compile(r"^SELECT .*? FROM ", re.IGNORECASE)
_PARTS = 3
"""So much of an app's own path tells the file: package, module directory, file."""
_WORD = 16
"""A longer word may be cut."""


def duration(ns: float) -> str:
    """Three significant digits with the fitting unit: ``1.24 s``, ``87.3 ms``, ``640 ns``."""
    for size, unit in _UNITS:
        if ns >= size:
            value = ns / size
            digits = 2 if value < 10 else 1 if value < 100 else 0  # noqa: PLR2004 - decades
            return f"{value:,.{digits}f} {unit}"
    return f"{ns:.0f} ns"


def span(seconds: float) -> str:
    """A length of time in its two largest units: ``42 s``, ``8 min 20 s``, ``3 d 4 h``."""
    left = round(seconds)
    parts = []
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        amount, left = divmod(left, size)
        parts.append((amount, unit))
    largest = next((i for i, (amount, _) in enumerate(parts) if amount), len(parts) - 1)
    shown = [part for part in parts[largest : largest + 2] if part[0]] or parts[-1:]
    return " ".join(f"{amount} {unit}" for amount, unit in shown)


def percent(share: float) -> str:
    """A share of 1 as a percentage: ``12.3 %``."""
    return f"{100 * share:.1f} %"


def rate(per_s: float | None) -> str:
    """How many a second: ``4.62``; ``n/a`` when it is not known."""
    if per_s is None:
        return "n/a"
    return f"{per_s:,.2f}" if per_s < 100 else f"{per_s:,.0f}"  # noqa: PLR2004 - three digits


def mean(value: float) -> str:
    """A mean count: ``18.3``, ``1``."""
    return f"{value:,.0f}" if value == round(value) or value >= 1000 else f"{value:,.3g}"  # noqa: PLR2004 - %g would switch to exponents


def number(count: int) -> str:
    """A count with thousands set apart."""
    return f"{count:,}"


def plural(count: int, one: str, many: str = "") -> str:
    """A count with its noun: ``1 worker``, ``2 workers``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def place(name: str) -> str:
    """``file:line function`` without the directories that say nothing.

    Those are what is above a library, and of an app's own path all but the last three parts.
    """
    below = _LIBRARY.sub("", name)
    if below != name or "/" not in name:
        return below
    return "/".join(name.split("/")[-_PARTS:])


def shortened(text: str, width: int) -> str:
    """``text`` in at most ``width`` characters.

    What is too long loses a SELECT's list of columns, then its middle: what a statement
    does, where from and on which condition stands at its ends. Words stay whole, short ones do.
    """
    if len(text) > width:
        text = _COLUMNS.sub("SELECT … FROM ", text, count=1)
    if len(text) > width:
        half = max(width - 3, 2) // 2
        head, tail = text[:half], text[-half:]
        if text[half] != " " and " " in head[-_WORD:]:
            head = head[: head.rindex(" ")]
        if text[-half - 1] != " " and " " in tail[:_WORD]:
            tail = tail[tail.index(" ") :]
        text = f"{head.rstrip()} … {tail.lstrip()}"
    return text


def moment(epoch_s: float) -> str:
    """A time of day in UTC, to the second."""
    return f"{datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%d %H:%M:%S} UTC"
