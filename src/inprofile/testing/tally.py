"""What a whole run of tests has found and ignored, as plain data that workers hand over."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class Row:
    """One finding of the run: the same place in however many tests."""

    text: str
    fix: str
    fails: bool
    count: int
    tests: list[str]

    def add(self, other: "Row") -> None:
        """The same in other tests."""
        self.count = max(self.count, other.count)
        self.fails |= other.fails
        self.tests = sorted({*self.tests, *other.tests})


@dataclass(slots=True)
class Tally:
    """``rows`` are the findings, by what identifies them.

    Of what ignores findings it has what was ``used``, and what was ``passed``: that had a chance
    to be. Both by the text that names it. ``is_off`` is whether inprofile was switched off.
    """

    rows: dict[str, Row] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    passed: set[str] = field(default_factory=set)
    is_off: bool = False

    @property
    def stale(self) -> list[str]:
        """What ignores nothing although it was passed."""
        return sorted(self.passed - self.used)

    def add(self, key: str, row: Row) -> None:
        """One finding of one test."""
        if key in self.rows:
            self.rows[key].add(row)
        else:
            self.rows[key] = row

    def plain(self) -> dict[str, Any]:
        """For another process."""
        rows = {key: asdict(row) for key, row in self.rows.items()}
        used, passed = sorted(self.used), sorted(self.passed)
        return {"rows": rows, "used": used, "passed": passed, "is_off": self.is_off}

    def merge(self, plain: dict[str, Any]) -> None:
        """What another process has found."""
        for key, row in plain["rows"].items():
            self.add(key, Row(**row))
        self.used.update(plain["used"])
        self.passed.update(plain["passed"])
        self.is_off |= plain["is_off"]

    def lines(self) -> Iterable[str]:
        """The summary of the run."""
        if self.is_off:
            yield "switched off by INPROFILE_ENABLED: no test was judged"
        for row in sorted(self.rows.values(), key=lambda row: (-row.count, row.text)):
            first, others = row.tests[0], len(row.tests) - 1
            more = f" and {others} more" if others else ""
            silent = "" if row.fails else " (fails no test)"
            yield f"{row.text}{silent}"
            if row.fix:
                yield f"    fix: {row.fix.splitlines()[0]}"
            yield f"    up to {row.count} x in {first}{more}"
        for stale in self.stale:
            yield f"ignores nothing: {stale}"
