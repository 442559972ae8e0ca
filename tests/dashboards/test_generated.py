"""What is committed is what the generator makes, and what Grafana's schema allows."""

import json
from itertools import combinations

import pytest

from dashboards.__main__ import files
from tests.dashboards.boards import FILES, HERE, RULES, boards
from tests.dashboards.schema import mistakes
from tests.promtool import promtool

__all__ = ["promtool"]


def test_what_is_committed_is_what_is_made():
    made = files()
    assert {f"grafana/{file.name}" for file in FILES} == {
        name for name in made if name.startswith("grafana/")
    }
    for name, text in made.items():
        assert (HERE / name).read_text("utf-8") == text, "run: python -m dashboards"


def test_prometheus_takes_the_rules(promtool):
    assert "SUCCESS: 33 rules found" in promtool.check("rules", RULES.read_text())


@pytest.mark.parametrize("name", ["service", "route", "runtime"])
def test_grafanas_schema_knows_every_field_and_takes_every_value(name):
    assert mistakes(boards()[name]) == []


def test_the_schema_sees_what_is_wrong():
    board = json.loads(json.dumps(boards()["service"]))
    panel = next(each for each in board["panels"] if each["type"] == "timeseries")
    panel["titel"] = "?"
    panel["gridPos"]["w"] = "wide"
    panel["fieldConfig"]["defaults"]["custom"]["drawStyle"] = "lines"
    del panel["targets"][0]["expr"]
    at = f"panels.{board['panels'].index(panel)}"
    assert sorted(mistakes(board)) == [
        f"{at}.fieldConfig.defaults.custom.drawStyle: 'lines' is no GraphDrawStyle",
        f"{at}.gridPos.w: 'wide' is no int",
        f"{at}.targets.0.expr: is missing",
        f"{at}.titel: there is no such field",
    ]


@pytest.mark.parametrize("name", ["service", "route", "runtime"])
def test_panels_have_numbers_descriptions_and_places_of_their_own(name):
    board = boards()[name]
    assert 39 <= board["schemaVersion"] <= 41
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        assert panel["type"] == "row" or (panel["description"] and panel["targets"])
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
