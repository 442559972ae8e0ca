"""What a scrape costs after many workers have died: their counts must still be in it."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.scale_series import series, write_cells
from benchmarks.table import Table
from inprofile.core.buckets import layout
from inprofile.core.slots import fold

ROUTES = 6
"""Of each worker: ten histograms for each of them."""

LIMIT_MS = 20.0
"""What is promised of a scrape once the dead are folded."""

CAPACITY_BYTES = 4 << 20

Timing = tuple[float, float, int]
"""The fastest and the median in milliseconds, and the bytes of the scrape."""

Scrape = Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Dead:
    """The fastest and the median of some scrapes, in milliseconds, after ``workers`` have died."""

    side: str
    workers: int
    histograms: int
    fastest_ms: float
    median_ms: float


def measure(
    workers: int,
    ours: Callable[[Path], bytes],
    theirs: Callable[[Path], bytes],
    write_theirs: Callable[[Path, int], None],
    in_turns: Callable[[Sequence[Scrape]], Sequence[Timing]],
) -> list[Dead]:
    """Fill all sides with the same series and scrape them in turns."""
    with tempfile.TemporaryDirectory(prefix="inprofile-bench-") as directory:
        places = [Path(directory, name) for name in ("theirs", "unread", "folded")]
        for place in places:
            place.mkdir(mode=0o700)
        multiprocess, unfolded, folded = places
        write_theirs(multiprocess, ROUTES)
        for path in list(multiprocess.iterdir()):
            for number in range(1, workers):
                shutil.copyfile(path, path.with_stem(f"{path.stem}{number}"))
        for place in (unfolded, folded):
            for n in range(workers):
                write_cells(place / f"{n}.1.{n}.cells", ROUTES, CAPACITY_BYTES).close()
        fold(folded, layout())
        timings = in_turns(
            [lambda: theirs(multiprocess), lambda: ours(unfolded), lambda: ours(folded)]
        )
    sides = ("prometheus_client", "ours, in the first five seconds", "ours, folded")
    histograms = sum(1 for _ in series(ROUTES))
    return [
        Dead(side, workers, histograms, fastest, median)
        for side, (fastest, median, _) in zip(sides, timings, strict=True)
    ]


def table(rows: Sequence[Dead]) -> Table:
    """Return the rows, with what is promised of the last."""
    cells = [
        (row.side, f"{row.fastest_ms:.1f} ({row.median_ms:.1f}){_verdict(row)}") for row in rows
    ]
    title = (
        f"A scrape after {rows[0].workers:,} workers of {rows[0].histograms} histograms have died"
    )
    return Table(title, ("", "ms: fastest (median)"), cells)


def _verdict(row: Dead) -> str:
    if not row.side.endswith("folded"):
        return ""
    return f" ({'met' if row.fastest_ms <= LIMIT_MS else 'missed'}: {LIMIT_MS:g})"
