"""`python -m benchmarks findings`: every case is judged, and was counted exactly."""

import json

import pytest

from benchmarks import findings
from benchmarks.__main__ import main
from benchmarks.findings import CASES, Row, measure, table
from inprofile.core import repeats


def test_every_case_is_judged(capsys):
    assert main(["findings", "--traces", "2", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["trace"] for row in rows] == list(CASES)
    assert [row["findings"] for row in rows] == [1, 1, 0]
    assert [row["median_us"] > 0 for row in rows] == [True, True, False]


def test_a_miscount_ends_the_run(monkeypatch):
    repeats.forget()
    monkeypatch.setattr(findings, "CASES", {"none": ((1,), 1)})
    with pytest.raises(RuntimeError, match=r"^none: 0 findings in 2 traces$"):
        measure(1)


def test_the_table_says_what_was_promised():
    assert table([Row("a", 50, 51.26, 1), Row("b", 51, 51, 0)]).rows == [
        ("a", "1", "50.0 (met: 50)", "51.3"),
        ("b", "0", "51.0 (missed: 50)", "51.0"),
    ]
