"""The report as Markdown, as a CommonMark parser with tables sees it."""

import pytest
from markdown_it import MarkdownIt

from inprofile.report.markdown import code, escaped, render
from tests.report.conftest import STATEMENT


def parsed(text):
    """Headings in order, and for each table its rows of plain cells."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    headings: list[str] = []
    tables: list[list[list[str]]] = []
    for i, token in enumerate(tokens):
        if token.type == "heading_open":
            headings.append(_plain(tokens[i + 1]))
        elif token.type == "table_open":
            tables.append([])
        elif token.type == "tr_open":
            tables[-1].append([])
        elif token.type in {"th_open", "td_open"}:
            tables[-1][-1].append(_plain(tokens[i + 1]))
    return headings, tables


def _plain(inline):
    return "".join(child.content for child in inline.children)


def test_every_table_has_its_rows_and_cells(shop):
    _, tables = parsed(render(shop.facts(), 5))
    assert len(tables) == 14
    for rows in tables:
        assert len({len(row) for row in rows}) == 1
    routes = tables[0]
    assert routes[0] == [
        "route",
        "share",
        "cum.",
        "requests",
        "rate/s",
        "failed",
        "p50",
        "p95",
        "p99",
        "max",
    ]
    assert [row[0] for row in routes[1:]] == [
        "GET POST /api/v1/orders/{order_id}",
        "↳ GET",
        "↳ POST",
        "GET /health",
        "GET (no route matched)",
    ]


def test_the_stages_of_every_route_make_one_hundred_percent(shop):
    _, tables = parsed(render(shop.facts(), 5))
    stages = [rows for rows in tables if rows[0][0] == "stage"]
    assert len(stages) == 4
    for rows in stages:
        assert round(sum(float(row[1].removesuffix(" %")) for row in rows[1:]), 6) == 100


def test_statements_are_whole(shop):
    _, tables = parsed(render(shop.facts(), 5))
    statements = next(rows for rows in tables if rows[0][0] == "statement")
    assert statements[1][0] == STATEMENT


@pytest.mark.parametrize(
    "name", ["/a|b", "/`x`", "/**x**", "/_x_ <b>", "/[a](b)", "/x``y|", "/é ü"], ids=repr
)
def test_any_name_stays_one_cell_of_text(group, name):
    group.worker().request(name, ("logging", name, 1), own_ms=5)
    _, tables = parsed(render(group.facts(), 5))
    assert tables[0][1][0] == f"GET {name}"
    logs = next(rows for rows in tables if rows[0][0] == "name")
    assert logs[1][-1] == f"GET {name}"


def test_code_and_text_are_escaped():
    assert code("a|b`c") == "``a\\|b`c``"
    assert code("`") == "`` ` ``"
    assert escaped("a_b|c\nd") == "a\\_b\\|c d"


def test_sections_are_headings(shop):
    headings, _ = parsed(render(shop.facts(), 5))
    assert headings[:3] == [
        "inprofile report",
        "Routes by total time",
        "Stages of GET POST /api/v1/orders/{order_id}",
    ]
    assert headings[-2:] == ["What is not known", "How these numbers were obtained"]
