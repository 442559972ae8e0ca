"""The bucket layout, and how close our quantiles come to the samples'."""

import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inprofile.core.buckets import CLASSIC_S, SEMCONV_S, cumulative, layout, quantile

BOUNDS = layout()
NS = 1_000_000_000
EXPONENTS = range(-133, 55)
SCHEMA_3 = {math.floor(2 ** (i / 8) * NS) for i in EXPONENTS}


def counted(samples_ns, bounds=BOUNDS):
    counts = [0] * (len(bounds) + 1)
    for sample_ns in samples_ns:
        counts[bisect_left(bounds, sample_ns)] += 1
    return counts


# The layout


def test_the_layout_has_every_exponential_bound_of_schema_3_from_10_us_to_100_s():
    assert 2 ** (EXPONENTS[0] / 8) < 10e-6 < 2 ** (EXPONENTS[1] / 8)
    assert 2 ** (EXPONENTS[-2] / 8) < 100 < 2 ** (EXPONENTS[-1] / 8)
    assert SCHEMA_3.issubset(BOUNDS)


@pytest.mark.parametrize("bounds_s", [SEMCONV_S, CLASSIC_S, (0.2, 0.0333, 3.3)], ids=len)
def test_the_layout_has_the_semconv_the_classic_and_the_users_bounds(bounds_s):
    assert {round(bound * NS) for bound in bounds_s} <= set(layout(bounds_s))


def test_the_semconv_bounds_are_those_of_the_specification():
    specified_s = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
    assert specified_s == SEMCONV_S


@given(st.lists(st.floats(1e-12, 1e3), max_size=20))
def test_bounds_ascend_from_above_zero_whatever_the_thresholds(thresholds_s):
    bounds = layout(thresholds_s)
    assert list(bounds) == sorted(set(bounds))
    assert bounds[0] > 0


@given(st.integers(1, 200 * NS))
def test_an_observation_falls_into_the_bucket_of_the_exponential_histogram(value_ns):
    """OpenTelemetry's: bucket i of scale 3 holds (2**(i/8), 2**((i+1)/8)] seconds."""
    below = sum(2 ** (i / 8) * NS < value_ns for i in EXPONENTS)
    exponential = [bound for bound in BOUNDS if bound in SCHEMA_3]
    assert bisect_left(exponential, value_ns) == below


# Counts


@given(st.lists(st.integers(0, 200 * NS), max_size=300))
def test_cumulative_counts_are_exact_on_every_bound(samples_ns):
    exact = sorted(samples_ns)
    expected = [bisect_right(exact, bound) for bound in BOUNDS]
    assert cumulative(BOUNDS, counted(samples_ns), BOUNDS) == expected


def test_an_observation_on_a_threshold_counts_as_within_it():
    bounds = layout([0.2])
    counts = counted([200_000_000, 200_000_001], bounds)
    assert cumulative(bounds, counts, [200_000_000]) == [1]


# Quantiles


def lognormal(median_ms: float, sigma: float) -> Callable[[random.Random], float]:
    return lambda chance: chance.lognormvariate(math.log(median_ms), sigma)


def bimodal(chance: random.Random) -> float:
    """Seven of ten from a cache, the others from the database."""
    if chance.random() < 0.7:
        return chance.lognormvariate(math.log(1.2), 0.2)
    return chance.lognormvariate(math.log(45), 0.35)


SHAPES = {
    "web requests": lognormal(25, 0.9),
    "a heavy tail": lognormal(5, 1.6),
    "bimodal": bimodal,
    "sub-millisecond SQL": lognormal(0.18, 0.5),
    "tens of microseconds": lognormal(0.04, 0.4),
    "even from 1 to 9 ms": lambda chance: chance.uniform(1, 9),
}


def worst_error(samples_ns: list[int]) -> float:
    ordered = sorted(samples_ns)
    counts = counted(ordered)
    errors = []
    for q in (0.5, 0.95, 0.99):
        true_ns = ordered[math.ceil(q * len(ordered)) - 1]
        errors.append(abs(quantile(q, BOUNDS, counts, ordered[-1]) / true_ns - 1))
    return max(errors)


@pytest.mark.parametrize("shape", SHAPES)
def test_p50_p95_and_p99_are_within_one_percent_of_the_samples(shape):
    chance = random.Random(shape)
    errors = [
        worst_error([round(SHAPES[shape](chance) * 1e6) for _ in range(20_000)]) for _ in range(3)
    ]
    assert max(errors) < 0.05
    assert fmean(errors) < 0.01


@given(st.integers(10_000, 100 * NS), st.sampled_from([0.0, 0.001, 0.01, 0.05]))
def test_a_peak_narrower_than_a_bucket_is_within_the_buckets_width(peak_ns, sigma):
    chance = random.Random(peak_ns)
    samples_ns = [max(round(chance.gauss(1, sigma) * peak_ns), 1) for _ in range(300)]
    assert worst_error(samples_ns) <= 2**0.125 - 1


@given(st.integers(10_000, 100 * NS), st.sampled_from([0.5, 0.95, 0.99]))
def test_one_sample_is_within_five_percent(sample_ns, q):
    assert quantile(q, BOUNDS, counted([sample_ns]), sample_ns) == pytest.approx(
        sample_ns, rel=0.05
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_few_samples_stay_within_five_percent(shape):
    chance = random.Random(shape)
    errors = [
        worst_error([round(SHAPES[shape](chance) * 1e6) for _ in range(1_000)]) for _ in range(20)
    ]
    assert max(errors) < 0.1
    assert fmean(errors) < 0.05


@given(st.lists(st.integers(1, 200 * NS), min_size=1, max_size=50), st.floats(0, 1))
def test_a_quantile_lies_in_the_bucket_of_the_sample_and_never_above_the_largest(samples_ns, q):
    ordered = sorted(samples_ns)
    true_ns = ordered[max(math.ceil(q * len(ordered)), 1) - 1]
    i = bisect_left(BOUNDS, true_ns)
    low = BOUNDS[i - 1] if i else 0
    high = BOUNDS[i] if i < len(BOUNDS) else ordered[-1]
    found = quantile(q, BOUNDS, counted(ordered), ordered[-1])
    assert low * (1 - 1e-9) <= found <= min(high, ordered[-1]) * (1 + 1e-9)


@given(st.lists(st.floats(1e-12, 1e3), max_size=20), st.integers(0, 200 * NS))
def test_no_threshold_makes_a_quantile_fail(thresholds_s, sample_ns):
    bounds = layout(thresholds_s)
    assert quantile(0.5, bounds, counted([sample_ns], bounds), sample_ns) <= sample_ns


def test_nothing_counted_has_no_quantile():
    assert math.isnan(quantile(0.5, BOUNDS, counted([]), 0))
