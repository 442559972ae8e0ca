"""The report as text: readable at any width, with colors or without."""

import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from inprofile.report.text import write
from tests.report.conftest import STATEMENT


@pytest.fixture
def printed(shop):
    """The report on the shop, printed to a console of this width."""
    facts = shop.facts()

    def render(width, color=None, top=5):
        out = io.StringIO()
        console = Console(
            file=out, width=width, color_system=color, force_terminal=bool(color), highlight=False
        )
        write(facts, console, top)
        return out.getvalue()

    return render


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_it_keeps_to_the_width_and_hides_nothing(printed, width):
    text = printed(width)
    assert "\x1b" not in text
    assert max(map(cell_len, text.splitlines())) <= width
    for fact in (
        "GET POST /api/v1/orders/{order_id}",
        "GET (no route matched)",
        "WHERE product.id = ?",
        "shop/api/orders.py:88 list_orders",
        "uvicorn/h11_impl.py:477 send",
        "dump list[Order]",
        "get_session",
        "GZipMiddleware",
        "GET carrier",
        "redis FLUSHALL",
        "job:nightly",
        "/prices",
        "messages: 3 received, 2 sent",
        "requests without a route",
    ):
        assert fact in " ".join(text.split()) or fact in text, fact


def test_the_sections_come_in_the_order_of_reading(printed):
    lines = printed(100).splitlines()
    heads = [lines[i - 1] for i, line in enumerate(lines) if re.fullmatch("-{5,}", line)]
    assert heads == [
        "Routes by total time",
        "Stages of the costliest routes",
        "Stages of the costliest jobs",
        "Database statements by total time",
        "Dependencies and middleware by total time",
        "Serializers and templates by total time",
        "Log calls by total time",
        "Outbound HTTP by total time",
        "Jobs and background tasks by total time",
        "Database statements of jobs by total time",
        "Cache operations of jobs by total time",
        "Websockets by total time",
        "Findings in kept traces",
        "What is not known",
        "How these numbers were obtained",
    ]


def test_every_bar_adds_up(printed):
    text = printed(100)
    stages = text.partition("Stages of the costliest routes")[2].partition("Database statements")[0]
    blocks = [block for block in stages.split("\n\n") if " 1 x per" in block or "/health" in block]
    assert len(blocks) >= 3
    for block in blocks:
        entries = re.findall(r"[A-Z+] \S+(?: smaller)? +([\d.]+) % +\S+ [mµn]?s", block)
        assert round(sum(map(float, entries)), 6) == 100, block


def test_a_route_with_several_methods_has_a_line_for_each(printed):
    rows = printed(140).partition("Routes by total time")[2].splitlines()
    at = next(i for i, row in enumerate(rows) if row.startswith("GET POST"))
    assert [row.split()[0] for row in rows[at + 1 : at + 3]] == ["GET", "POST"]


def test_labels_stand_beside_their_numbers_where_there_is_room(printed):
    assert re.search(r"^GET /health +1\.\d %", printed(120), re.MULTILINE)
    assert re.search(r"^GET /health\n +1\.\d %", printed(80), re.MULTILINE)


def test_top_bounds_the_lists_and_says_what_is_left_out(printed):
    text = printed(100, top=1)
    assert text.count(" % of the time of all requests") == 1
    assert "and 1 operation more: " in text


def test_a_statement_shows_what_it_does_and_on_which_condition(printed):
    assert STATEMENT not in printed(100)
    assert "SELECT … FROM product WHERE product.id = ?" in printed(100)


def test_colors_come_with_the_same_words(printed):
    def words(text):
        plain = re.sub(r"\x1b\[[\d;]*m", "", text)
        without_bars = [line for line in plain.splitlines() if not re.match(r"^  A", line)]
        return " ".join(" ".join(without_bars).replace("-" * 5, "").split())

    colored = printed(100, "truecolor")
    assert "\x1b[30;48;2;" in colored
    assert [w for w in words(printed(100)).split() if set(w) != {"-"}] == words(colored).split()


def test_a_group_with_jobs_alone_has_no_routes(group):
    group.worker().job("nightly", own_ms=5)
    out = io.StringIO()
    write(group.facts(), Console(file=out, width=100), 5)
    assert "Routes by total time" not in out.getvalue()
    assert "requests: 0, 0.00/s, 0 failed, 0 ns in all" in out.getvalue()
    assert "1. job:nightly" in out.getvalue()


def test_markup_in_names_is_text(group):
    group.worker().request("/[bold]{x}[/bold]", ("logging", "[red]:1 f", 1), own_ms=5)
    out = io.StringIO()
    write(group.facts(), Console(file=out, width=100), 5)
    assert "GET /[bold]{x}[/bold]" in out.getvalue()
    assert "[red]:1 f" in out.getvalue()
