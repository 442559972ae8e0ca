"""`python -m benchmarks calls`: every call is measured in each state, and was recorded."""

import json

import pytest

import inprofile
from benchmarks.__main__ import main
from benchmarks.calls import CALLS, CASES, Row, check, table


def test_every_case_is_measured_bare_idle_and_recorded(capsys):
    assert main(["calls", "--rounds", "1", "--batches", "1", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["call"] for row in rows] == list(CASES)
    assert all(row["bare_us"] > 0 for row in rows)
    assert not hasattr(json.dumps, "__wrapped__")


def test_a_call_that_is_not_recorded_ends_the_run():
    inprofile.instrument()
    with pytest.raises(RuntimeError, match=f"^nothing: 0 of {CALLS} calls were recorded$"):
        check("nothing", lambda: None)


def test_the_table_says_what_was_promised():
    assert table([Row("`f`", 1.234, 0.4, 2.01)]).rows == [
        ("`f`", "1.23", "+0.40 (met: 0.4)", "+2.01 (missed: 2)")
    ]
