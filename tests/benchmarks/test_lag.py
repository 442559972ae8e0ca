"""`python -m benchmarks lag`: what timers of its own saw, beside what we say."""

import json

import pytest

from benchmarks.__main__ import main
from benchmarks.lag import Probe, Row, rows, table
from inprofile.analysis.distribution import Distribution
from inprofile.core.buckets import layout


@pytest.fixture(autouse=True)
def _alone(alone, monkeypatch):
    for name in ("INPROFILE_DIR", "INPROFILE_LOG_FINDINGS"):
        monkeypatch.setenv(name, "")


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_both_are_told_of_a_loop_that_is_blocked_most_of_the_time(loop, capsys):
    assert main(["lag", "--loop", loop, "--seconds", "2", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["rows"]
    assert [row["q"] for row in found] == [0.5, 0.95, 0.99]
    assert all(0.005 < row["true"] < 1 for row in found)
    assert all(0 < row["ours"] < 1 for row in found)


def test_the_truth_is_in_the_order_of_the_lags():
    probe = Probe()
    probe.lags = [0.03, 0.01, 0.02, 0.04]
    bounds = layout()
    seen = Distribution.of([[bounds[0], bounds[0], 1, *[0] * len(bounds)]], bounds)
    found = list(rows(probe, seen))
    assert [row.true for row in found] == [0.03, 0.04, 0.04]
    assert all(row.off < -99 for row in found)


@pytest.mark.parametrize(("off", "verdict"), [(-5.0, "met"), (5.1, "missed")])
def test_the_table_says_what_was_promised(off, verdict):
    shown = table([Row(0.99, 0.08, 0.076, off)], 6000)
    assert shown.title == "Lag of the event loop, 6,000 looks"
    assert shown.rows == [("p99", "80.00 ms", "76.00 ms", f"{off:+.1f} % ({verdict}: 5)")]
