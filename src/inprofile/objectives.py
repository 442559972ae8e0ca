"""Service level objectives, as people write them: ``p95<300ms,errors<1%``, per route in a file."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

GRAMMAR = "objectives separated by commas, such as p95<300ms, p99.9<1.5s or errors<1%"
FILE_GRAMMAR = 'a TOML file with a table [routes], such as "/orders" = "p95<300ms,errors<1%"'

LATENCY = re.compile(r"p(\d{1,2}(?:\.\d{1,3})?)<(\d+(?:\.\d+)?)(ms|s)")
ERRORS = re.compile(r"errors<(\d+(?:\.\d+)?)%")
UNIT_MS = {"ms": 1.0, "s": 1000.0}
MAX_MS = 100_000.0
"""Where our buckets end."""


class BadObjective(ValueError):
    """An objective that cannot be: its text says why."""


class Objective(NamedTuple):
    """Of all requests at most ``budget_percent`` may miss it.

    They miss it by taking longer than ``threshold_ms``, or where that is None by failing.
    ``text`` is what was written.
    """

    text: str
    budget_percent: float
    threshold_ms: float | None

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class RouteObjectives:
    """What the file at ``path`` says: the objectives of routes, each by its ``http.route``."""

    path: str
    routes: tuple[tuple[str, tuple[Objective, ...]], ...]

    def __str__(self) -> str:
        return self.path


def parse_all(text: str) -> tuple[Objective, ...]:
    """The objectives in a text that has commas between them. Raises BadObjective."""
    found = [parse(part) for part in text.split(",") if part.strip()]
    about = [each.text.partition("<")[0] for each in found]
    for name in about:
        if about.count(name) > 1:
            raise BadObjective(f"{name} has two objectives")
    return tuple(found)


def parse(text: str) -> Objective:
    """One objective. Raises BadObjective with what is wrong."""
    written = "".join(text.split()).lower()
    if found := ERRORS.fullmatch(written):
        percent = float(found[1])
        if not 0 < percent < 100:  # noqa: PLR2004 - all of them
            raise BadObjective(f"{written!r} allows none or all to fail: above 0 % and below 100 %")
        return Objective(written, percent, None)
    if found := LATENCY.fullmatch(written):
        share, threshold_ms = float(found[1]), float(found[2]) * UNIT_MS[found[3]]
        if not share:
            raise BadObjective(f"{written!r} promises nothing: a quantile is above p0")
        if not 0 < threshold_ms <= MAX_MS:
            raise BadObjective(f"{written!r} is not above 0 ms and at most {MAX_MS / 1e3:g} s")
        return Objective(written, round(100 - share, 3), round(threshold_ms, 6))
    raise BadObjective(f"{written!r} is no objective")


def read(text: str) -> RouteObjectives | None:
    """Read the file at a path; None for no path. Raises BadObjective with what is wrong."""
    if not text:
        return None
    try:
        said = tomllib.loads(Path(text).expanduser().read_text("utf-8"))
    except (OSError, RuntimeError, ValueError) as error:
        raise BadObjective(str(error)) from error
    routes = said.pop("routes", None)
    if said or not isinstance(routes, dict) or not routes:
        raise BadObjective(f"it has {', '.join(said) or 'no routes'} where [routes] should be")
    return RouteObjectives(text, tuple((route, _of(route, routes[route])) for route in routes))


def _of(route: str, said: object) -> tuple[Objective, ...]:
    if not isinstance(said, str):
        raise BadObjective(f"{route!r} has no text")
    try:
        found = parse_all(said)
    except BadObjective as error:
        raise BadObjective(f"{route!r}: {error}") from error
    if not found:
        raise BadObjective(f"{route!r} has no objective")
    return found
