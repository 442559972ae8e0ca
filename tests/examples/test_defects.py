"""The table of the shops' defects against their code."""

import importlib
import re
from pathlib import Path

import pytest

from examples.demo.apps import APPS
from examples.shop import postage
from examples.shop.fixes import FIXES

EXAMPLES = Path(__file__).parents[2] / "examples"
TABLE = (EXAMPLES / "README.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
ASKED = re.compile(r'fixed\("(\w+)"\)')


def asked_in(directory):
    """The names of the defects whose repair this code knows."""
    files = (EXAMPLES / directory).rglob("*.py")
    return {name for file in files for name in ASKED.findall(file.read_text())}


def test_the_table_lists_every_defect_with_its_repair():
    rows = ROW.findall(TABLE)
    assert {name: repair for name, _, _, repair in rows} == FIXES
    assert [name for name, *_ in rows] == list(FIXES)


@pytest.mark.parametrize("app", ["fastapi_app", "django_app"])
def test_both_shops_have_every_defect(app):
    assert asked_in(app) | asked_in("shop") == set(FIXES)


@pytest.mark.parametrize("app", ["fastapi", "django"])
def test_the_demo_visits_every_route_of_the_table(app):
    visited = [f"{visit.method} {visit.target.replace('$', '')}" for visit in APPS[app].mix.visits]
    routes = re.findall(r"`([A-Z]+ /[^`]*)`", TABLE.partition("| name |")[2])
    assert len(routes) >= len(FIXES) - 1  # one is seen in every start
    for route in routes:
        pattern = re.compile(re.escape(route).replace(r"\{id\}", r"[^/?]+") + r"(\?.*)?")
        assert any(pattern.fullmatch(visit) for visit in visited), route


def test_the_postage_is_the_same_with_and_without_its_table(monkeypatch):
    monkeypatch.setenv("SHOP_FIX", "slow_import")
    computing = importlib.reload(postage)
    computed = [computing.postage(country, 17_730) for country in ("DE", "IT")]
    monkeypatch.delenv("SHOP_FIX")
    tabled = importlib.reload(postage)
    assert [tabled.postage(country, 17_730) for country in ("DE", "IT")] == computed == [2263, 2763]
    assert len(tabled.TABLES[0]) == tabled.HEAVIEST_GRAMS
