"""Findings in the log: three lines of source, rarely."""

import logging
from dataclasses import replace
from types import SimpleNamespace

import pytest

from inprofile.core.model import Finding, Location, Trace
from inprofile.exporters.finding_log import AGAIN_S, MAX_SITES, MOST, FindingLog

TRACE = Trace(None, "http", "GET", "http", lambda: 0, 100)
TRACE.route = "/posts"

SOURCE = """\
def posts():
    found = Post.objects.all()
    for post in found:
        names.append(post.author.name)
"""


@pytest.fixture
def clock():
    return SimpleNamespace(now_s=50.0)


@pytest.fixture
def say(clock, caplog):
    """Hand over findings of one trace; what was logged since then."""
    to = FindingLog(lambda: clock.now_s)
    caplog.set_level(logging.INFO, "inprofile")

    def hand_over(*findings):
        caplog.clear()
        to([(TRACE, list(findings))])
        return [record.getMessage() for record in caplog.records]

    return hand_over


@pytest.fixture
def finding(tmp_path):
    file = tmp_path / "views.py"
    file.write_text(SOURCE)
    return Finding(
        kind="n_plus_one",
        route="/posts",
        statement="SELECT * FROM author WHERE id = ?",
        count=100,
        total_ns=42_000,
        evidence="100 runs for 100 different elements",
        fix='select_related("author")',
        query=Location(str(file), 4, "posts"),
        loop=Location(str(file), 3, "posts"),
        where=Location(str(file), 2, "posts"),
        relation="Post.author",
        operation="read",
        elements=100,
        share=0.42,
    )


def test_a_finding_is_said_with_its_three_lines_of_source(say, finding, tmp_path, caplog):
    file = tmp_path / "views.py"
    assert say(finding) == [
        f"""\
inprofile: N+1 in GET /posts: Post.author: 100 queries for 100 rows, 42 % of the time
  loop  {file}:3 posts: for post in found:
  query {file}:4 posts: names.append(post.author.name)
  fix   select_related("author") at {file}:2 posts: found = Post.objects.all()"""
    ]
    assert [(each.name, each.levelname) for each in caplog.records] == [("inprofile", "WARNING")]


def test_what_has_no_loop_and_no_source_is_said_without(say):
    slow = Finding("slow_query", "/posts", "SELECT ?", 1, 9, "took 600 ms a run", "EXPLAIN it.")
    assert say(slow) == [
        "inprofile: Slow query in GET /posts: SELECT ?: took 600 ms a run\n  fix   EXPLAIN it."
    ]


def test_one_place_is_said_once_an_hour(say, finding, clock):
    assert len(say(finding, finding)) == 1
    clock.now_s += AGAIN_S - 1
    assert say(replace(finding, count=7)) == []
    clock.now_s += 1
    assert len(say(finding)) == 1


def test_other_places_relations_and_routes_are_said_too(say, finding):
    assert len(say(finding)) == 1
    others = [
        replace(finding, relation="Post.editor"),
        replace(finding, route="/other"),
        replace(finding, query=None),
        replace(finding, loop=None),
    ]
    assert len(say(*others, *others)) == len(others)


def test_all_places_together_are_bounded(say, finding, clock):
    many = [replace(finding, relation=f"Post.tag{number}") for number in range(2 * MOST)]
    assert len(say(*many)) == MOST
    clock.now_s += AGAIN_S
    assert len(say(*many)) == MOST


def test_what_is_remembered_is_bounded(finding, clock):
    to = FindingLog(lambda: clock.now_s)
    for number in range(MAX_SITES + 10):
        clock.now_s += AGAIN_S
        to([(TRACE, [replace(finding, relation=f"Post.tag{number}")])])
    assert len(to._said) <= MAX_SITES


def test_what_costs_little_is_for_the_report(say, finding):
    assert say(replace(finding, severity="low")) == []
