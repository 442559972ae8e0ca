"""Whole numbers in proportion that add up: bars of N characters, percentages of 100.0."""

from collections.abc import Sequence


def apportion(weights: Sequence[int], seats: int) -> list[int]:
    """Divide ``seats`` among ``weights`` (none below zero) so that they add up exactly.

    The largest-remainder method (https://en.wikipedia.org/wiki/Quota_method): everyone gets
    the whole part of the exact share, and what is left goes to the largest remainders, the
    first of equals first. All zeros when the weights are. No share is off by one or more.
    """
    total = sum(weights)
    if not total:
        return [0] * len(weights)
    shares = [divmod(weight * seats, total) for weight in weights]
    given = [whole for whole, _ in shares]
    by_remainder = sorted(range(len(weights)), key=lambda i: -shares[i][1])
    for i in by_remainder[: seats - sum(given)]:
        given[i] += 1
    return given


def percentages(weights: Sequence[int]) -> list[float]:
    """What each of ``weights`` is of their sum, in percent to one decimal; they make 100.0."""
    return [tenths / 10 for tenths in apportion(weights, 1000)]
