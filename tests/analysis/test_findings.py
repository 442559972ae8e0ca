"""Many findings as few problems, in the order in which they matter."""

import pytest

from inprofile.analysis.findings import Place, summarized
from inprofile.analysis.growth import Growth

AUTHOR = "SELECT * FROM author WHERE id = ?"


def stored(count=10, took_ns=1000, **fields):
    return {
        "kind": "n_plus_one",
        "route": "/posts",
        "statement": AUTHOR,
        "count": count,
        "total_ns": took_ns,
        "evidence": f"{count} runs",
        "fix": 'select_related("author")',
        "query": ["views.py", 9, "name"],
        "loop": ["views.py", 5, "posts"],
        "where": ["views.py", 4, "posts"],
        "relation": "Post.author",
        "operation": "read",
        "elements": count,
        "share": 0.5,
        "saving_ns": [100, 200],
        "severity": "",
        **fields,
    }


def test_a_summary_says_all_of_what_its_traces_said():
    newest = stored(30, 3000, share=0.25, fix="new", source={"loop": "for post in posts:"})
    (found,) = summarized([newest, stored(10, 1000), stored(20, 2000, saving_ns=[300, 600])])
    assert found.kind == "n_plus_one"
    assert found.route == "/posts"
    assert found.loop == Place("views.py", 5, "posts", "for post in posts:")
    assert found.query == Place("views.py", 9, "name")
    assert found.where == Place("views.py", 4, "posts")
    assert (found.relation, found.operation, found.statement) == ("Post.author", "read", AUTHOR)
    assert (found.traces, found.count, found.total_ns) == (3, 60, 6000)
    assert (found.typical_count, found.typical_elements) == (20, 20)
    assert (found.fix, found.evidence) == ("new", "30 runs")
    assert found.share == pytest.approx(6000 / (12_000 + 2000 + 4000))
    assert found.saving_ns == (166, 333)
    assert found.growth == Growth("grows", 3, 10, 30, 1.0, 100)


@pytest.mark.parametrize(
    "other",
    [
        {"loop": ["views.py", 6, "posts"]},
        {"query": ["views.py", 10, "name"]},
        {"relation": "Post.editor"},
        {"kind": "repeated_query"},
        {"route": "/other"},
        {"relation": "", "statement": "SELECT 2"},
    ],
    ids=str,
)
def test_another_loop_line_relation_kind_or_route_is_another_problem(other):
    assert len(summarized([stored(), stored(**other)])) == 2


def test_the_same_relation_by_two_statements_is_one_problem():
    assert len(summarized([stored(), stored(statement="SELECT 2")])) == 1


def test_what_costs_most_in_all_requests_comes_first():
    seldom, often = stored(took_ns=9000, route="/seldom"), stored(took_ns=1000, route="/often")
    counted = {("n_plus_one", "/seldom"): 2, ("n_plus_one", "/often"): 500}
    found = summarized([seldom, often, often], counted)
    assert [(each.route, each.times, each.cost_ns, each.estimated) for each in found] == [
        ("/often", 500, 500_000, False),
        ("/seldom", 2, 18_000, False),
    ]


def test_several_of_a_kind_on_a_route_share_the_count_as_they_share_the_kept_traces():
    author, editor = stored(50), stored(50, relation="Post.editor")
    found = summarized([author, author, author, editor], {("n_plus_one", "/posts"): 100})
    assert [(each.relation, each.times, each.estimated) for each in found] == [
        ("Post.author", 75, True),
        ("Post.editor", 25, True),
    ]


def test_what_was_not_kept_costs_as_much_as_what_is_in_the_middle_of_what_was():
    kept = [stored(took_ns=took_ns) for took_ns in (10, 10, 30, 90, 1000)]
    (found,) = summarized(kept, {("n_plus_one", "/posts"): 105})
    assert found.cost_ns == sum((10, 10, 30, 90, 1000)) + 100 * 30


def test_where_nothing_was_counted_the_kept_traces_are_what_is_known():
    (found,) = summarized([stored(), stored()])
    assert (found.times, found.cost_ns, found.estimated) == (None, 2000, False)


def test_a_small_constant_count_comes_after_what_grows_and_low_severity_at_the_end():
    low = stored(9, 10**8, kind="unused_eager_load", severity="low")
    grows = [stored(count, 10 * count) for count in (2, 4, 8)]
    found = summarized(
        [
            *[stored(3, 10**9, relation="Post.blog") for _ in range(3)],
            *[stored(3, 10**8, relation="Post.site") for _ in range(3)],
            *[stored(3, 10, relation="Post.cover") for _ in range(3)],
            low,
            *grows,
            stored(4, 1000, relation="Post.editor"),
            stored(4, 100, relation="Post.year"),
        ]
    )
    assert [(each.relation, each.is_harmless) for each in found] == [
        ("Post.editor", False),
        ("Post.author", False),
        ("Post.blog", True),  # which cost more
        ("Post.site", True),
        ("Post.year", False),
        ("Post.cover", True),
        ("Post.author", False),
    ]
    assert found[-1].severity == "low"


def test_where_nothing_grows_the_order_is_by_cost():
    few = [stored(3, 1000, relation="Post.blog") for _ in range(3)]
    found = summarized([stored(4, 500, relation="Post.editor"), *few])
    assert [each.relation for each in found] == ["Post.blog", "Post.editor"]


def test_of_several_ways_to_mend_it_the_one_that_saves_most_is_shown():
    lists = [stored(40, 4000, fix='prefetch_related("items__product")') for _ in range(2)]
    shows = [stored(2, 200, fix='select_related("product")', where=["views.py", 9, "show"])] * 3
    old = [stored(40, 10**6, fix="of a place that is gone") for _ in range(5)]
    (found,) = summarized([*shows, *lists, *shows, *shows, *old])
    assert found.fix == 'prefetch_related("items__product")'
    assert found.where == Place("views.py", 4, "posts")
    assert found.evidence == "2 runs"


def test_what_is_no_loop_has_no_growth():
    (found,) = summarized([stored(kind="slow_query")])
    assert found.growth is None


def test_findings_of_an_older_version_are_read():
    fields = ("kind", "route", "statement", "count", "total_ns", "evidence", "fix", "query")
    old = {name: value for name, value in stored(kind="slow_query").items() if name in fields}
    (found,) = summarized([old])
    assert (found.share, found.saving_ns, found.loop, found.severity) == (0.0, None, None, "")
