"""Numbers as people read them."""

import pytest

from inprofile.report import units


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ns"),
        (640, "640 ns"),
        (1_000, "1.00 µs"),
        (87_340, "87.3 µs"),
        (433_000_000, "433 ms"),
        (1_240_000_000, "1.24 s"),
        (36_000_000_000, "36.0 s"),
        (4_000_000_000_000, "4,000 s"),
    ],
)
def test_durations_have_three_digits_and_their_unit(ns, text):
    assert units.duration(ns) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (42, "42 s"),
        (60, "1 min"),
        (500, "8 min 20 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (100_000, "1 d 3 h"),
    ],
)
def test_lengths_of_time_have_two_units(seconds, text):
    assert units.span(seconds) == text


@pytest.mark.parametrize(
    ("per_s", "text"), [(None, "n/a"), (0.0462, "0.05"), (4.6, "4.60"), (1234.5, "1,234")]
)
def test_rates_say_when_they_are_not_known(per_s, text):
    assert units.rate(per_s) == text


@pytest.mark.parametrize(
    ("value", "text"), [(1.0, "1"), (18.27, "18.3"), (0.675, "0.675"), (12345.6, "12,346")]
)
def test_means(value, text):
    assert units.mean(value) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("/v/lib/python3.11/site-packages/uvicorn/a.py:1 send", "uvicorn/a.py:1 send"),
        ("/usr/lib/python3.11/logging/__init__.py:9 info", "logging/__init__.py:9 info"),
        ("/srv/shop/src/shop/api/orders.py:88 f", "shop/api/orders.py:88 f"),
        ("GZipMiddleware", "GZipMiddleware"),
    ],
)
def test_places_lose_the_directories_that_say_nothing(name, text):
    assert units.place(name) == text


def test_a_long_statement_loses_its_columns_and_then_its_middle():
    statement = "SELECT a.id, a.name, a.price FROM a WHERE a.id = ?"
    assert units.shortened(statement, 50) == statement
    assert units.shortened(statement, 40) == "SELECT … FROM a WHERE a.id = ?"
    assert units.shortened(statement, 20) == "SELECT … … a.id = ?"
    assert len(units.shortened("x" * 500, 80)) <= 80


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (60, "UPDATE product SET name = ?, … = ? WHERE product.id = ?"),
        (45, "UPDATE product SET … WHERE product.id = ?"),
        (36, "UPDATE product … product.id = ?"),
    ],
)
def test_the_words_of_a_long_statement_stay_whole(width, text):
    statement = "UPDATE product SET name = ?, category = ?, price = ? WHERE product.id = ?"
    assert units.shortened(statement, width) == text


def test_counts_take_their_noun():
    assert [units.plural(n, "route") for n in (1, 2, 1200)] == [
        "1 route",
        "2 routes",
        "1,200 routes",
    ]


def test_moments_say_their_time_zone():
    assert units.moment(0) == "1970-01-01 00:00:00 UTC"
