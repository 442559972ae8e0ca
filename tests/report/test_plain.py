"""The report as JSON: all facts, for programs."""

import json
from dataclasses import asdict

import pytest

from inprofile.report.plain import SCHEMA, render


def refuse(constant):
    pytest.fail(f"{constant} is no JSON")


def listed(value):
    """Tuples are lists in JSON."""
    if isinstance(value, dict):
        return {key: listed(each) for key, each in value.items()}
    return [listed(each) for each in value] if isinstance(value, (list, tuple)) else value


def test_it_is_the_facts_and_who_wrote_them(shop):
    facts = shop.facts()
    read = json.loads(render(facts, "1.2.3"), parse_constant=refuse)
    assert read == {"schema": SCHEMA, "inprofile": "1.2.3", **listed(asdict(facts))}


def test_shares_make_one_hundred_percent(shop):
    read = json.loads(render(shop.facts(), "1.2.3"))
    for kind in ("requests", "jobs", "websockets"):
        for route in read[kind]["routes"]:
            assert round(sum(stage["percent"] for stage in route["stages"]), 6) == 100


def test_what_is_not_known_is_null(group):
    group.worker().request("/", own_ms=1)
    group.end()
    read = json.loads(render(group.facts(), "1.2.3"), parse_constant=refuse)
    assert [route["rate_per_s"] for route in read["requests"]["routes"]] == [None]
