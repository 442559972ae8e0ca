"""`python -m benchmarks idle`: servers of which nobody wants anything, side by side."""

import json

import pytest

from benchmarks.__main__ import main
from benchmarks.idle import Row, rows, table
from benchmarks.overhead.summary import Spread


def test_each_variant_serves_and_is_measured(capsys):
    assert main(["idle", "--rounds", "1", "--seconds", "1", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["rows"]
    assert [row["variant"] for row in found] == ["bare", "loopless", "on"]
    assert all(row["share"]["median"] > 0 for row in found)


def test_what_watching_adds_is_told_apart_from_the_rest_of_the_same_round():
    shares = {"bare": [0.25, 0.5], "loopless": [0.5, 0.75], "on": [0.75, 1.25]}
    assert rows(shares)[2] == Row("on", Spread(1.0, 0.75, 1.25), Spread(0.375, 0.25, 0.5))


@pytest.mark.parametrize(("added", "verdict"), [(0.1, "met"), (0.11, "missed")])
def test_the_table_says_what_was_promised(added, verdict):
    spread = Spread(added, added, added)
    assert table([Row("on", Spread(0.3, 0.2, 0.4), spread)]).rows == [
        (
            "**inprofile on**",
            "0.300 (0.200 … 0.400)",
            f"+{added:.3f} (+{added:.3f} … +{added:.3f}) ({verdict}: 0.1)",
        )
    ]
