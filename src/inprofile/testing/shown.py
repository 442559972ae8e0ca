"""How a failing test shows places and findings: as text, with the lines of source."""

import linecache
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import dedent, indent

from inprofile.core.model import Finding, Location
from inprofile.detectors.ignores import statements

MAX_LINES = 3
"""Lines of source shown of one place."""


class Shown:
    """Writes places relative to ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def name(self, place: Location) -> str:
        """``file:line``, the file as short as it can be."""
        return f"{self._file(place)}:{place.line}"

    def _file(self, place: Location) -> Path:
        file = Path(place.file)
        return file.relative_to(self.root) if file.is_relative_to(self.root) else file

    def place(self, place: Location, lead: str) -> list[str]:
        """A place behind ``lead``, and below it its lines of source."""
        function = f" in {place.function}" if place.function else ""
        code = indent(source(place), " " * len(lead) + "|   ", lambda _line: True)
        return [f"{lead}{self.name(place)}{function}", *code.splitlines()]

    def finding(self, finding: Finding, times: int = 1) -> str:
        """All there is to know about a finding: what, where, and what to do."""
        return "\n".join(self._lines(finding, times))

    def _lines(self, finding: Finding, times: int) -> Iterator[str]:
        again = f", in {times} requests or recordings" if times > 1 else ""
        route = "" if finding.route == "block" else f" in {finding.route}"
        yield f"{finding.kind}: {finding.count} x {finding.statement}"
        yield f"  {finding.evidence}{route}{again}"
        if finding.loop is not None:
            yield from self.place(finding.loop, "  loop      ")
        if finding.query is not None:
            yield from self.place(finding.query, "  query     ")
        if finding.relation:
            yield f"  relation  {finding.relation}"
        if finding.fix:
            yield from _hanging("  fix       ", finding.fix)
        if finding.where is not None:
            yield from self.place(finding.where, "  put it at ")
        yield from _hanging("  ignore    ", "\n".join(self._ways_to_ignore(finding)))

    def _ways_to_ignore(self, finding: Finding) -> Iterator[str]:
        place = finding.loop or finding.query
        if place is not None:
            yield f"# inprofile: ignore[{finding.kind}] on the line of the loop or of the query, or"
        file = "" if place is None else f" file:{self._file(place)}"
        pattern = finding.relation or f"{finding.kind}{file}"
        yield f'@pytest.mark.inprofile(allow=["{pattern}"]) on the test, or'
        route = "" if finding.route in {"", "block"} else f" route:{finding.route}"
        yield f"INPROFILE_IGNORE='{pattern}{route}' everywhere"


def merged(findings: Sequence[Finding]) -> list[tuple[Finding, int]]:
    """Each finding once, its largest instance, with the number of traces that have it."""
    largest: dict[object, Finding] = {}
    times: dict[object, int] = {}
    for finding in findings:
        key = identity(finding)
        times[key] = times.get(key, 0) + 1
        if key not in largest or finding.count > largest[key].count:
            largest[key] = finding
    return [(finding, times[key]) for key, finding in largest.items()]


def identity(finding: Finding) -> tuple[object, ...]:
    """What makes two findings the same: kind, places, and relation or statement."""
    what = finding.relation or finding.statement
    return finding.kind, finding.loop, finding.query, what


def source(place: Location) -> str:
    """Up to three lines of the statement at ``place``; nothing where there is no source."""
    lines = linecache.getlines(place.file)
    if not 0 < place.line <= len(lines):
        return ""
    first = last = place.line
    if place.file.endswith(".py"):
        first, last = statements(lines).get(place.line, (place.line, place.line))
    if place.line >= first + MAX_LINES:
        first = place.line
    return dedent("".join(lines[first - 1 : min(last, first + MAX_LINES - 1)]))


def _hanging(lead: str, text: str) -> list[str]:
    first, *rest = text.splitlines() or [""]
    return [lead + first, *(" " * len(lead) + line for line in rest)]
