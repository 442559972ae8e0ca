"""What may stand behind `scripts/demo`."""

import argparse
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from examples.demo.apps import APPS

EXAMPLES = """\
examples:
  scripts/demo                          15 seconds of traffic, then the report
  scripts/demo django --seconds 60 --workers 4
  scripts/demo --serve --port 8000      the same, and the app keeps running until Ctrl-C

exit codes:
  0  everything worked           1    the app, the traffic or the report failed
  2  wrong arguments             130  stopped with Ctrl-C
"""


@dataclass(frozen=True, slots=True)
class Arguments:
    """What the user chose."""

    app: str
    seconds: float
    workers: int
    port: int | None
    serve: bool


def parse(words: Sequence[str]) -> Arguments:
    """Read the command line; exits with a clear message when it makes no sense."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="Run an example app under real traffic and print where its time went.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "app", nargs="?", choices=APPS, default="fastapi", help="which app (default: fastapi)"
    )
    parser.add_argument(
        "--seconds",
        type=between(0.1, 86_400, float),
        default=15.0,
        help="length of the traffic (default: 15)",
    )
    parser.add_argument(
        "--workers", type=between(1, 64, int), default=2, help="app processes (default: 2)"
    )
    parser.add_argument(
        "--port", type=between(1, 65_535, int), help="where the app listens (default: a free one)"
    )
    parser.add_argument(
        "--serve", action="store_true", help="keep the app running after the report"
    )
    return Arguments(**vars(parser.parse_args(words)))


def between(lowest: float, highest: float, kind: type[float]) -> Callable[[str], float]:
    """Return what reads a number of this kind and refuses one outside the bounds."""

    def read(text: str) -> float:
        with suppress(ValueError):
            value = kind(text)
            if lowest <= value <= highest:
                return value
        noun = "a whole number" if kind is int else "a number"
        raise argparse.ArgumentTypeError(
            f"{text!r} is not {noun} between {lowest:g} and {highest:g}"
        )

    return read
