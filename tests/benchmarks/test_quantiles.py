"""`python -m benchmarks quantiles`: what a real Prometheus reads, beside what was written down."""

import json

import pytest

from benchmarks.__main__ import main
from benchmarks.distributions import DISTRIBUTIONS
from benchmarks.quantiles import NAMES, QUANTILES, Row, exponential_quantile, table
from inprofile.exporters.exponential import Exponential


@pytest.mark.once
def test_a_real_prometheus_reads_quantiles_near_those_of_the_samples(capsys):
    assert main(["quantiles", "--requests", "100", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [(row["distribution"], row["q"]) for row in rows] == [
        (of.about, q) for of in DISTRIBUTIONS.values() for q in QUANTILES
    ]
    for row in rows:
        assert (row["requests"], list(row["off"])) == (100, list(NAMES))
        assert 0 < row["true"] < 60
    # Of a hundred samples the last ones may be far apart: nothing is promised of so few.
    typical = sorted(abs(row["off"][way]) for row in rows for way in ("native", "otlp"))
    assert typical[len(typical) // 2] < 9


def test_a_quantile_lies_inside_its_bucket_by_how_many_are_below_it():
    found = Exponential(0, -1, [4, 0, 4], 0.25, 2)  # (0.5, 1], (2, 4]; two of a quarter at most
    assert [exponential_quantile(q, found) for q in (0.1, 0.2, 0.4, 0.6, 0.8, 1)] == pytest.approx(
        [0.125, 0.25, 0.5 * 2**0.5, 1, 2 * 2**0.5, 4]
    )
    assert exponential_quantile(0.5, Exponential(3, 0, [], 0.25, 4)) == 0.125


def test_the_table_says_what_was_promised_and_missed():
    off = {"classic": 10.1, "native": -4.94, "otlp": 5.2, "semconv": 33.3}
    shown = table([Row("lognormal", 5000, 0.95, 0.1234, off)])
    assert shown.title == "Error of p95 and p99 in Prometheus, 5,000 requests each"
    assert shown.header == (
        *("", "truth", "classic histogram (≤ 10 %)", "native histogram (≤ 5 %)"),
        *("OTLP exponential (≤ 5 %)", "semconv's bounds"),
    )
    assert shown.rows == [
        ("lognormal: p95", "123 ms", "+10.1 % missed", "-4.9 %", "+5.2 % missed", "+33.3 %")
    ]
