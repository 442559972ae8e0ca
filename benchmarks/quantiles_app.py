"""The application whose durations `benchmarks quantiles` reads back, and what they truly were.

Each request of /{name} waits as long as is drawn next from the distribution of that name. How long
it took, as it was counted, is written to the file that TRUTH names: a line of name and nanoseconds.
"""

import asyncio
import os
import random
import time
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import inprofile
from benchmarks.distributions import DISTRIBUTIONS
from inprofile import process
from inprofile.core.model import Trace

SPUN_S = 0.003
"""What is not longer is no sleep: timers are not that exact."""


def waiting(name: str) -> Any:
    chance, draw = random.Random(name), DISTRIBUTIONS[name].draw  # noqa: S311 - samples

    async def wait(_request: Request) -> Response:
        length_s = draw(chance)
        if length_s > SPUN_S:
            await asyncio.sleep(length_s)
        else:
            until = time.perf_counter() + length_s
            while time.perf_counter() < until:
                pass
        return Response()

    return wait


def observe() -> None:
    """Write the truth from now on."""
    truth = Path(os.environ["TRUTH"]).open("w", buffering=1)  # noqa: SIM115 - as long as we run

    def note(trace: Trace) -> None:
        length_ns = trace.root.end_ns - trace.root.start_ns
        if trace.door == "http":  # and not a pause of the loop's that is nobody's request
            truth.write(f"{trace.route.removeprefix('/')} {length_ns}\n")

    measured = process.running()
    assert measured is not None
    measured.observe(note)


app = Starlette(routes=[Route(f"/{name}", waiting(name)) for name in DISTRIBUTIONS])
inprofile.instrument(app)
observe()
