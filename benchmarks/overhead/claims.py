"""What the project promises about its cost, and whether a run bears it out."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.overhead.summary import BARE, Row, Spread, growth

ADDED_US = 20.0
DJANGO_US = 25.0
OF_CONTRIB = 1 / 15
QUERY_US = {
    "orm": 2.5,
    "core": 2.5,
    "looped": 3.0,
    "different": 1.5,
    "django_orm": 3.0,
    "django_looped": 3.0,
    "django_different": 1.5,
}
"""What may be added for each query of a scenario."""
LIST_SHARE = 0.03
WATCHING_US = 2.0
STEP_US = 0.5
"""Of what is added: what watching event loops may have, of a request and of each of its steps."""
OFF_US = 1.0
GROWTH_BYTES = 2048
"""A span of ours takes 200 bytes: if one stayed for each of 3,000 chunks it would be 600 KB."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A promise, what was measured, and whether it was met; None when it was not measured."""

    promise: str
    measured: str
    met: bool | None

    @property
    def verdict(self) -> str:
        """Return the outcome in a word or two."""
        return "not measured" if self.met is None else "met" if self.met else "missed"


def claims(rows: Sequence[Row]) -> list[Claim]:
    """Hold the promises against the rows."""
    found = {(row.scenario, row.variant): row for row in rows}
    on = found.get(("nothing", "on"))
    result = [
        _at_most("added to a do-nothing request", on.added if on else None, ADDED_US),
        _fifteenth(on.of_contrib if on else None),
    ]
    for scenario, limit_us in QUERY_US.items():
        row = found.get((scenario, "on"))
        what = f"added per query ({scenario})"
        result.append(_at_most(what, row.query if row else None, limit_us))
    for variant in ("off", "paused"):
        row = found.get(("nothing", variant))
        result.append(_at_most(f"added when {variant}", row.added if row else None, OFF_US))
    view = found.get(("django", "on"))
    result.append(_at_most("added to a Django JSON view", view.added if view else None, DJANGO_US))
    result.append(_share(found.get(("drf", "on"))))
    result.append(_flat(found.get(("stream", "on")), found.get(("stream", BARE))))
    return result + _of_loops(on, found.get(("steps", "on")))


def _of_loops(request: Row | None, steps: Row | None) -> list[Claim]:
    """Hold what watching loops costs, where that was measured: earlier runs know nothing of it."""
    held = (
        (
            "added to a do-nothing request by watching loops",
            request.watching if request else None,
            WATCHING_US,
        ),
        ("added per step by watching loops", steps.step if steps else None, STEP_US),
    )
    return [_at_most(what, measured, limit) for what, measured, limit in held if measured]


def _at_most(what: str, measured: Spread | None, limit_us: float) -> Claim:
    promise = f"{what}: at most {limit_us:g} µs"
    if measured is None:
        return Claim(promise, "", None)
    text = f"{measured.median:.2f} µs ({measured.low:.2f} … {measured.high:.2f})"
    return Claim(promise, text, measured.median <= limit_us)


def _fifteenth(share: float | None) -> Claim:
    promise = "added to a do-nothing request: at most 1/15 of OpenTelemetry contrib's"
    if share is None:
        return Claim(promise, "", None)
    text = f"1/{1 / share:.1f}" if share > 0 else "nothing"
    return Claim(promise, text, share <= OF_CONTRIB)


def _share(row: Row | None) -> Claim:
    promise = f"added to a list of 100 rows by Django REST framework: at most {LIST_SHARE:.0%}"
    if row is None:
        return Claim(promise, "", None)
    return Claim(promise, f"{row.times_bare - 1:+.1%}", row.times_bare <= 1 + LIST_SHARE)


def _flat(row: Row | None, bare: Row | None) -> Claim:
    promise = "memory added to a stream does not grow with its chunks"
    grown = growth(row.peak_bytes, bare.peak_bytes) if row and bare else None
    if grown is None or row is None:
        return Claim(promise, "", None)
    short, long = min(row.peak_bytes), max(row.peak_bytes)
    text = f"{grown:+,} bytes from {short:,} to {long:,} chunks"
    return Claim(promise, text, grown <= GROWTH_BYTES)
