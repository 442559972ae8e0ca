"""The tables of a run: one of all scenarios for the README, and one for each."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.machine import sentence
from benchmarks.overhead.claims import Claim, claims
from benchmarks.overhead.results import FIGURES, Results
from benchmarks.overhead.scenarios import SCENARIOS
from benchmarks.overhead.summary import BARE, Row, Spread, disagreements, rows
from benchmarks.overhead.variants import VARIANTS
from benchmarks.table import Table, rendered

NOT_KNOWN = "n/a"


def detailed(results: Results, style: str) -> str:
    """Return a table for each scenario, the claims and how it was measured."""
    found = rows(results)
    tables = [
        _scenario(name, [row for row in found if row.scenario == name])
        for name in results.names("scenario")
    ]
    return rendered([*tables, verdicts(claims(found)), remarks(results)], style)


def compact(results: Results) -> str:
    """Return the README's part: one table of what is added, the claims and the conditions."""
    found = rows(results)
    return rendered([_matrix(results, found), verdicts(claims(found)), remarks(results)], "md")


def plain(results: Results) -> dict[str, Any]:
    """Return rows, claims and conditions as plain data."""
    found = rows(results)
    return {
        "about": results.about,
        "rounds": results.rounds,
        "batches": results.batches,
        "figure": results.figure,
        "rows": [asdict(row) for row in found],
        "claims": [asdict(claim) | {"verdict": claim.verdict} for claim in claims(found)],
        "disagreements": disagreements(results),
    }


def verdicts(found: Sequence[Claim]) -> Table:
    """Return the claims as a table."""
    cells = [
        (claim.promise, claim.measured or NOT_KNOWN, _bold(claim.verdict, claim.met is False))
        for claim in found
    ]
    return Table("Claims", ("claim", "measured", "verdict"), cells)


def remarks(results: Results) -> list[str]:
    """Say how the figures were obtained, and what must be known to read them."""
    how = FIGURES[results.figure].format(batches=results.batches)
    lines = [
        f"Rounds: {results.rounds}, in each a fresh process for every variant; they take turns,"
        f" batch by batch. A figure is {how}; shown is the median of the rounds"
        " (least … greatest). Added: over bare in the same round.",
        sentence(results.about),
    ]
    for fact, values in _facts(results).items():
        lines.append(f"{fact}: {', '.join(values)}")
    for where in disagreements(results):
        lines.append(f"**{where} gave another response than bare: its figure means nothing.**")
    return lines


def _facts(results: Results) -> dict[str, list[str]]:
    """What the variants found out about themselves, the last round's."""
    last = {
        (VARIANTS[one.variant].title, fact, one.scenario): value
        for one in results.measurements
        for fact, value in one.facts.items()
    }
    found: dict[str, list[str]] = {}
    for (title, fact, scenario), value in last.items():
        found.setdefault(f"{title}, {fact}", []).append(f"{scenario} {value:.1f}")
    return found


def _scenario(name: str, found: Sequence[Row]) -> Table:
    header = ["", "µs per request", "added µs", "× bare", "of contrib's added"]
    per_query = any(row.query for row in found)
    sizes = sorted({size for row in found for size in row.peak_bytes})
    header += ["added µs per query"] * per_query
    is_watched = any(row.watching for row in found)
    per_step = any(row.step for row in found)
    header += ["by watching loops"] * is_watched + ["by that per step"] * per_step
    header += [f"peak KiB, {size:,} chunks" for size in sizes]
    cells = []
    for row in found:
        line = [
            VARIANTS[row.variant].title,
            around(row.us),
            signed(row.added, row.variant),
            f"{row.times_bare:.2f}",
            _ratio(row.of_contrib, row.variant),
        ]
        line += [signed(row.query, row.variant)] * per_query
        line += [_only(row.watching)] * is_watched + [_only(row.step)] * per_step
        line += [f"{row.peak_bytes[size] / 1024:.1f}" for size in sizes]
        cells.append(line)
    return Table(SCENARIOS[name].title, header, cells)


def _matrix(results: Results, found: Sequence[Row]) -> Table:
    scenarios = results.names("scenario")
    by_place = {(row.scenario, row.variant): row for row in found}
    cells = []
    for variant in results.names("variant"):
        line = [by_place.get((scenario, variant)) for scenario in scenarios]
        cells.append([VARIANTS[variant].title, *map(_cell, line)])
    header = ["added µs per request", *(SCENARIOS[name].title for name in scenarios)]
    return Table("", header, cells)


def _cell(row: Row | None) -> str:
    if row is None:
        return NOT_KNOWN
    if row.variant == BARE:
        return f"({row.us.median:,.0f} in all)"
    return signed(row.added, row.variant)


def around(value: Spread) -> str:
    """Write a spread of microseconds with three digits or so."""
    digits = _digits(value)
    return f"{value.median:,.{digits}f} ({value.low:,.{digits}f} … {value.high:,.{digits}f})"


def signed(value: Spread | None, variant: str) -> str:
    """Write what was added, which may have come out below zero."""
    if value is None:
        return "" if variant == BARE else NOT_KNOWN
    digits = _digits(value)
    return f"{value.median:+,.{digits}f} ({value.low:+,.{digits}f} … {value.high:+,.{digits}f})"


def _only(value: Spread | None) -> str:
    """Write what one variant alone has."""
    return "" if value is None else signed(value, "")


def _ratio(value: float | None, variant: str) -> str:
    if value is None:
        return "" if variant == BARE else NOT_KNOWN
    return f"{value:.3f}"


def _digits(value: Spread) -> int:
    largest = max(abs(value.low), abs(value.high))
    return 0 if largest >= 1000 else 1 if largest >= 10 else 2


def _bold(text: str, wanted: bool) -> str:  # noqa: FBT001 - one caller, beside it
    return f"**{text}**" if wanted else text
