"""Findings in the words of people."""

import pytest

from inprofile.core.wording import amount, runs, share, title


@pytest.mark.parametrize(
    ("kind", "operation", "relation", "count", "elements", "said"),
    [
        ("n_plus_one", "read", "Post.author", 100, 100, "100 queries for 100 rows"),
        ("n_plus_one", "read", "Post.author", 2, 1, "2 queries for 1 row"),
        ("n_plus_one", "read", "", 3, 3, "3 queries for 3 values"),
        ("n_plus_one", "read", "", 3, 0, "3 queries"),
        ("n_plus_one", "write", "", 1200, 1000, "1,200 writes for 1,000 rows"),
        ("http_n_plus_one", "read", "", 20, 20, "20 requests for 20 values"),
        ("cache_n_plus_one", "read", "", 20, 1, "20 calls for 1 key"),
        ("repeated_query", "read", "", 12, 1, "the same query 12 times"),
        ("slow_query", "", "", 1, 0, ""),
        ("unused_eager_load", "", "", 1, 0, ""),
    ],
)
def test_an_amount_says_what_ran_how_often_and_for_what(
    kind, operation, relation, count, elements, said
):
    assert amount(kind, operation, relation, count, elements) == said


def test_runs_may_be_a_range():
    assert runs("n_plus_one", "read", "5 … 200") == "5 … 200 queries"
    assert runs("http_n_plus_one", "read", 1) == "1 request"


@pytest.mark.parametrize(
    ("part", "said"),
    [(0.42, "42 %"), (1, "100 %"), (0.005, "0.5 %"), (0.0001, "under 0.1 %")],
)
def test_a_share_is_a_percentage(part, said):
    assert share(part) == f"{said} of the time"


def test_a_kind_has_a_name_also_one_that_is_new():
    assert title("cache_n_plus_one") == "Cache N+1"
    assert title("lock_wait") == "Lock wait"
