"""`python -m benchmarks accuracy`: the quantiles that are compared, on samples that are known."""

import json

import pytest

from benchmarks.__main__ import main
from benchmarks.accuracy import (
    DISTRIBUTIONS,
    METHODS,
    QUANTILES,
    Error,
    counted,
    errors,
    histogram_quantile,
    table,
    true_quantile,
)


@pytest.mark.parametrize(("q", "expected"), [(0.5, 5), (0.95, 10), (0.1, 1), (0.11, 2), (0, 1)])
def test_the_truth_is_the_nearest_rank(q, expected):
    assert true_quantile(q, range(1, 11)) == expected


@pytest.mark.parametrize(
    ("q", "counts", "expected"),
    [
        (0.25, [2, 2, 0, 0], 0.5),  # from zero in the first bucket
        (0.5, [2, 2, 0, 0], 1.0),
        (0.75, [2, 2, 0, 0], 1.5),
        (0.5, [1, 0, 1, 0], 1.0),
        (0.75, [1, 0, 1, 0], 3.0),  # the empty bucket is passed over
        (0.99, [1, 0, 0, 99], 4.0),  # above all bounds: the highest
    ],
)
def test_histogram_quantile_is_linear_inside_of_a_bucket(q, counts, expected):
    assert histogram_quantile(q, (1.0, 2.0, 4.0), counts) == expected


def test_a_sample_at_a_bound_lies_in_the_bucket_below():
    assert counted([1, 10, 11, 20, 21], (10, 20)) == [2, 2, 1]


def test_every_method_is_held_against_every_distribution_and_ours_stays_inside_of_a_bucket():
    found = list(errors(samples=500, seeds=2))
    assert {(error.distribution, error.q, error.method) for error in found} == {
        (name, q, method) for name in DISTRIBUTIONS for q in QUANTILES for method in METHODS
    }
    width = 100 * (2 ** (1 / 8) - 1)
    assert all(abs(error.worst) <= width for error in found if error.method == "inprofile")
    assert all(0 <= error.median <= abs(error.worst) for error in found)


def test_the_table_has_a_column_for_each_method():
    found = [Error("some", 0.95, method, 1.234, -5.67) for method in METHODS]
    shown = table(found, samples=20_000, seeds=3)
    assert shown.title == "Error of quantiles: median (worst) of 3 seeds, 20,000 samples each"
    assert shown.rows == [["some: p95"] + ["1.23 % (-5.7 %)"] * 3]


def test_it_prints_tables_or_plain_data(capsys):
    assert main(["accuracy", "--seeds", "1", "--samples", "50"]) == 0
    assert capsys.readouterr().out.startswith("Error of quantiles: median (worst) of 1 seeds, 50")
    assert main(["accuracy", "--seeds", "1", "--samples", "50", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 27
