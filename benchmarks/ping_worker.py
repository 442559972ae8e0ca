"""One fresh process: the tasks that play, one variant around their application, timed.

Usage: python -m benchmarks.ping_worker WHOSE VARIANT LOOP TASKS
"""

import asyncio
import gc
import sys
from contextlib import closing
from functools import partial

from benchmarks.loops import LOOPS
from benchmarks.overhead.driver import Driver
from benchmarks.overhead.subject import Subject
from benchmarks.overhead.variants import VARIANTS
from benchmarks.ping_app import HITS, Court
from benchmarks.process import say

WARM_GAMES = 2


APPLICATION, REQUEST = "application", "request"


def main() -> None:
    """Play a game for every line that comes in, until "end"."""
    whose, variant, loop, tasks = sys.argv[1:]
    court = Court(int(tasks), is_own=whose == REQUEST)
    runner = asyncio.Runner(loop_factory=LOOPS[loop])
    subject = Subject("fastapi", partial(Driver, court.app, runner=runner), court.app)
    check = VARIANTS[variant].install(subject)
    if whose == APPLICATION:
        runner.run(court.players.start())
    with closing(subject.driver("/game")) as driver:
        for _ in range(WARM_GAMES):
            driver.answer()
        gc.collect()
        gc.freeze()
        say({"ready": True})
        for line in sys.stdin:
            if line.strip() == "end":
                break
            driver.batch(1)
            say({"ping_ns": court.game_ns / (court.players.pairs * HITS)})
        requests = driver.requests
    check(requests)
    say({"requests": requests})


if __name__ == "__main__":
    main()
