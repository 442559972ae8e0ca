"""The statements of a recording, counted by text and by the line that runs them."""

from collections import Counter
from collections.abc import Iterator

from inprofile.core.model import Location, Span, Trace
from inprofile.detectors import places
from inprofile.testing.shown import Shown

UNCOUNTED = frozenset(
    (  # noqa: SIM905 - a list would take a line a word
        "BEGIN START COMMIT ROLLBACK SAVEPOINT RELEASE SET RESET PRAGMA CONNECT USE DISCARD "
        "PREPARE DEALLOCATE CLOSE FETCH MOVE"
    ).split()
)
"""Verbs that are about connections, transactions and cursors: no queries."""

MAX_SHOWN = 20

Statement = tuple[str, Location | None]


def statements(traces: list[Trace]) -> Counter[Statement]:
    """How often each statement ran in ``traces``, by text and line; None is a line not known."""
    found: Counter[Statement] = Counter()
    for trace in traces:
        lines = dict(_lines(trace))
        for span in list(trace.spans):
            if span.kind == "db" and _verb(span) not in UNCOUNTED:
                found[str(span.name), lines.get(span)] += span.count
    return found


def _verb(span: Span) -> str:
    said = (span.attributes or {}).get("db.operation.name") or str(span.name).partition(" ")[0]
    return str(said).upper()


def _lines(trace: Trace) -> Iterator[tuple[Span, Location | None]]:
    for site in places.sites(trace):
        place = places.query(site)
        for span in site.spans:
            yield span, place


def too_many(found: Counter[Statement], limit: int, shown: Shown) -> str:
    """What to say of more statements than ``limit``: each text with its count and its lines."""
    texts: Counter[str] = Counter()
    for (text, _), count in found.items():
        texts[text] += count
    total = found.total()
    lines = [f"{total} {'query' if total == 1 else 'queries'}, at most {limit} allowed:"]
    for text, count in texts.most_common(MAX_SHOWN):
        lines.append(f"  {count} x {text}")
        ran = [(times, place) for (each, place), times in found.items() if each == text and place]
        for times, place in sorted(ran, key=lambda one: -one[0]):
            lines += shown.place(place, f"      {times} x " if times != count else "      ")
    if len(texts) > MAX_SHOWN:
        lines.append(f"  and {len(texts) - MAX_SHOWN} other statements")
    return "\n".join(lines)
