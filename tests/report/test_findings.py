"""The findings in a report: what, where, why, and what to write instead."""

import io
import json
import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from rich.cells import cell_len
from rich.console import Console

from inprofile.core.metrics import FINDINGS
from inprofile.core.model import Finding, Location
from inprofile.report import markdown, plain, text
from inprofile.report.findings import cards

ROUTE = "/api/v1/posts"
STATEMENT = "SELECT author.id, author.name, author.email FROM author WHERE author.id = ?"
SOURCE = """\
def posts(request):
    found = Post.objects.filter(published=True)
    for post in found:
        names.append(f"{post.author.name} of {post.blog.title}")
"""


@pytest.fixture
def views(tmp_path):
    file = tmp_path / "site" / "blog" / "views.py"
    file.parent.mkdir(parents=True)
    file.write_text(SOURCE)
    return file


@pytest.fixture
def author(views):
    """An N+1 of 100 rows."""
    return Finding(
        kind="n_plus_one",
        route=ROUTE,
        statement=STATEMENT,
        count=100,
        total_ns=42_000_000,
        evidence="100 runs for 100 different elements",
        fix='select_related("author")',
        query=Location(str(views), 4, "posts"),
        loop=Location(str(views), 3, "posts"),
        where=Location(str(views), 2, "posts"),
        relation="Post.author",
        operation="read",
        elements=100,
        share=0.42,
        saving_ns=(20_000_000, 41_000_000),
    )


def sized(finding, count):
    return replace(finding, count=count, elements=count, total_ns=count * 420_000)


@pytest.fixture
def stored(group):
    """Store findings, each in a failed request of its own, counted in so many; the facts."""

    def store(*findings, times=0):
        worker = group.worker()
        for finding in findings:
            worker.findings = [finding]
            if finding.route.startswith("job:"):
                worker.job(finding.route.removeprefix("job:"), own_ms=1, error=OSError())
            else:
                worker.request(finding.route, status=500, own_ms=1)
            if times:
                worker.meter.count(FINDINGS, finding.kind, finding.route, amount=times)
        return group.facts()

    return store


@pytest.fixture
def printed():
    """The findings of the report as text."""

    def render(facts, width=100, top=5, color=None):
        out = io.StringIO()
        console = Console(
            file=out, width=width, color_system=color, force_terminal=bool(color), highlight=False
        )
        text.write(facts, console, top)
        lines = [line.rstrip() for line in out.getvalue().splitlines()]
        section = "\n".join(lines).partition("Findings in kept traces")[2]
        return section.partition("What is not known")[0].partition("\n")[2].lstrip("-\n")

    return render


def test_a_finding_says_everything_in_the_order_of_reading(
    stored, author, printed, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path / "site")
    facts = stored(*[sized(author, count) for count in (5, 100, 200)], times=400)
    assert (
        printed(facts, 120)
        == """\
 1. N+1 in GET /api/v1/posts
    Post.author: typically 100 queries for 100 rows, 42 % of the time
    loop    blog/views.py:3 posts
            for post in found:
    query   blog/views.py:4 posts
            names.append(f"{post.author.name} of {post.blog.title}")
    runs    SELECT author.id, author.name, author.email FROM author WHERE author.id = ?
    fix     select_related("author")
    in      blog/views.py:2 posts
            found = Post.objects.filter(published=True)
    saves   20.0 ms … 41.0 ms per request
    growth  grows with the rows: 5 … 200 queries in 3 traces, 420 µs a row
    seen    in 3 kept traces; 1,200 requests had it, 50.4 s in all

"""
    )


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_it_keeps_to_the_width_and_hides_no_fact(stored, author, printed, width):
    shown = printed(stored(author), width)
    assert max(map(cell_len, shown.splitlines())) <= width
    words = " ".join(shown.split())
    for fact in (
        "Post.author: 100 queries for 100 rows, 42 % of the time",
        "views.py:3 posts for post in found:",
        "names.append(",
        "WHERE author.id = ?",
        'select_related("author")',
        "20.0 ms … 41.0 ms per request",
        "n/a: seen in 1 trace",
    ):
        assert fact in words, fact


def test_without_a_relation_it_is_about_the_statement(stored, author, printed):
    shown = printed(stored(replace(author, relation="", fix="", where=None)), 80)
    assert f"{STATEMENT}:\n    100 queries for 100 values" in shown
    assert "\n    runs" not in shown
    assert "\n    fix" not in shown


def test_a_loop_in_one_line_is_shown_once(stored, author, printed, views):
    facts = stored(replace(author, query=author.loop, where=author.loop))
    assert "    query   the line of the loop\n" in printed(facts)
    assert "    in      the line of the loop\n" in printed(facts)
    assert printed(facts).count("for post in found:") == 1
    assert "- **query**: the line of the loop\n" in markdown.render(facts, 5)


def test_a_fix_of_several_lines_keeps_them(stored, author, printed):
    fix = "ids = [post.author_id for post in found]\nauthors = Author.objects.in_bulk(ids)"
    shown = printed(stored(replace(author, fix=fix)))
    first, second = fix.splitlines()
    assert f"    fix     {first}\n            {second}\n" in shown


def test_a_place_outside_of_the_current_directory_has_its_last_parts(
    stored, author, printed, tmp_path, monkeypatch
):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert "loop    site/blog/views.py:3 posts" in printed(stored(author))


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((3, 3, 3), "always 3 queries, in 3 traces, 420 µs a row"),
        ((7,), "n/a: seen in 1 trace, 420 µs a row"),
    ],
)
def test_growth_is_as_honest_as_the_number_of_traces(stored, author, printed, counts, said):
    assert f"    growth  {said}\n" in printed(stored(*[sized(author, n) for n in counts]))


def test_what_grows_with_the_square_of_the_rows_is_said_to(stored, author, printed):
    squares = [replace(sized(author, n), count=n * n) for n in (5, 10, 20)]
    assert "grows faster than the rows: 25 … 400 queries" in printed(stored(*squares))


def test_what_has_nothing_to_do_with_the_rows_differs(stored, author, printed):
    several = [replace(sized(author, n), elements=elements) for n, elements in ((6, 9), (20, 8))]
    assert "differs, not with the rows: 6 … 20 queries in 2 traces" in printed(stored(*several))


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((6, 20), "differs: 6 … 20 queries, in 2 traces"),
        ((6, 6), "always 6 queries, in 2 traces"),
        ((6,), "n/a: seen in 1 trace"),
    ],
)
def test_a_repeated_query_has_no_rows_to_grow_with(stored, author, printed, counts, said):
    about = {"kind": "repeated_query", "relation": "", "elements": 1}
    shown = printed(stored(*[replace(author, count=n, **about) for n in counts]))
    assert f"    growth  {said}\n" in shown
    assert "the same query 6 times, 42 % of the time" in shown


def test_a_job_runs_and_has_no_method(stored, author, printed):
    shown = printed(stored(replace(author, route="job:nightly"), times=1))
    assert shown.startswith(" 1. N+1 in job:nightly\n")
    assert "per run" in shown
    assert "1 run had it" in shown


def test_what_was_not_counted_is_not_known(stored, author, printed):
    shown = printed(stored(author))
    assert "seen    in 1 kept trace, 42.0 ms in all; in how many requests: n/a" in shown


def test_several_on_a_route_have_their_numbers_about(stored, author, printed):
    shown = printed(stored(author, replace(author, relation="Post.blog"), times=5))
    assert shown.count("about 5 requests had it") == 2


def test_low_severity_and_small_constants_come_last(stored, author, printed):
    low = replace(author, kind="unused_eager_load", severity="low", total_ns=10**10)
    shown = printed(stored(low, author))
    assert re.findall(r"^ \d\. (.*) in GET", shown, re.MULTILINE) == [
        "N+1",
        "Unused eager load (low severity)",
    ]
    assert "100 runs for 100 different elements, 42 % of the time" in shown


def test_top_bounds_the_findings_and_says_what_is_left_out(stored, author, printed):
    others = [replace(author, relation=f"Post.tag{number}") for number in range(4)]
    shown = printed(stored(*others), top=2)
    assert len(re.findall(r"^ \d\. ", shown, re.MULTILINE)) == 2
    assert "and 2 findings more: 84.0 ms\n" in shown


def test_colors_come_with_the_same_words(stored, author, printed):
    facts = stored(author)
    colored = re.sub(r"\x1b\[[\d;]*m", "", printed(facts, color="truecolor"))
    assert printed(facts).split() == colored.split()
    assert "\x1b[36m" in printed(facts, color="truecolor")


def test_markup_in_code_is_text(stored, author, printed, views):
    views.write_text("\n\n[red]x[/red]\n")
    found = replace(author, relation="", statement="SELECT '[bold]' `x` | **y**", fix="a[b](c)")
    facts = stored(found)
    assert "[red]x[/red]" in printed(facts)
    assert "SELECT '[bold]' `x` | **y**" in printed(facts)
    assert "a[b](c)" in printed(facts)


def test_markdown_has_a_heading_for_each_and_code_as_code(stored, author, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path / "site")
    document = markdown.render(stored(author, times=3), 5)
    section = document.partition("## Findings in kept traces\n")[2].partition("\n## ")[0]
    assert (
        section
        == """
### 1. N+1 in `GET /api/v1/posts`

`Post.author`: 100 queries for 100 rows, 42 % of the time

- **loop**: `blog/views.py:3 posts`: `for post in found:`
- **query**: `blog/views.py:4 posts`: `names.append(f"{post.author.name} of {post.blog.title}")`
- **runs**: `SELECT author.id, author.name, author.email FROM author WHERE author.id = ?`
- **fix**: `select_related("author")`
- **in**: `blog/views.py:2 posts`: `found = Post.objects.filter(published=True)`
- **saves**: 20.0 ms … 41.0 ms per request
- **growth**: n/a: seen in 1 trace, 420 µs a row
- **seen**: in 1 kept trace; 3 requests had it, 126 ms in all
"""
    )


@pytest.mark.parametrize("code", ["a|b", "`x`", "**x** _y_", "[a](b) <b>", "x``y"], ids=repr)
def test_any_code_stays_code_in_markdown(stored, author, views, code):
    views.write_text(f"\n\n{code}\n")
    document = markdown.render(stored(replace(author, relation=code, fix=code)), 5)
    tokens = (
        MarkdownIt("commonmark")
        .enable("table")
        .parse(document.partition("## Findings in kept traces\n")[2])
    )
    found = [
        each.content
        for token in tokens
        for each in token.children or ()
        if each.type == "code_inline"
    ]
    assert found.count(code) == 3  # what it is about, the loop's source and the fix


def test_a_fix_of_several_lines_is_a_block_in_markdown(stored, author):
    fix = "ids = [post.author_id for post in found]\nauthors = Author.objects.in_bulk(ids)"
    document = markdown.render(stored(replace(author, fix=fix)), 5)
    blocks = [each.content for each in MarkdownIt().parse(document) if each.type == "fence"]
    assert blocks == [f"{fix}\n"]


def test_json_has_all_of_it(stored, author, views):
    facts = stored(author, times=7)
    (found,) = json.loads(plain.render(facts, "1"))["findings"]
    assert found == {
        "kind": "n_plus_one",
        "route": ROUTE,
        "query": {
            "file": str(views),
            "line": 4,
            "function": "posts",
            "source": SOURCE.splitlines()[3].strip(),
        },
        "statement": STATEMENT,
        "traces": 1,
        "count": 100,
        "total_ns": 42_000_000,
        "evidence": "100 runs for 100 different elements",
        "fix": 'select_related("author")',
        "loop": {
            "file": str(views),
            "line": 3,
            "function": "posts",
            "source": "for post in found:",
        },
        "where": {
            "file": str(views),
            "line": 2,
            "function": "posts",
            "source": "found = Post.objects.filter(published=True)",
        },
        "relation": "Post.author",
        "operation": "read",
        "severity": "",
        "share": 0.42,
        "typical_count": 100,
        "typical_elements": 100,
        "saving_ns": [20_000_000, 41_000_000],
        "growth": {
            "verdict": "unknown",
            "traces": 1,
            "least": 100,
            "most": 100,
            "power": None,
            "element_ns": 420_000,
        },
        "times": 7,
        "cost_ns": 294_000_000,
        "estimated": False,
    }


def test_a_group_without_findings_has_no_section(stored, printed, group):
    group.worker().request("/", own_ms=1)
    assert printed(group.facts()) == ""
    assert "Findings" not in markdown.render(group.facts(), 5)
    assert cards(group.facts(), 5) == ()
