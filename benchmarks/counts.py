"""Whole numbers above zero, as a command line gives them."""

from argparse import ArgumentTypeError


def count(text: str) -> int:
    """Return the number. Raises ArgumentTypeError, which argparse turns into its message."""
    if not (text.isdecimal() and int(text)):
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def counts(text: str) -> tuple[int, ...]:
    """Return the numbers that stand between commas. Raises ArgumentTypeError."""
    return tuple(count(part) for part in text.split(","))
