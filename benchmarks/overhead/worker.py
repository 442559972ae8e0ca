"""One fresh process: builds one scenario, puts one variant around it, and times it.

Usage: python -m benchmarks.overhead.worker SCENARIO VARIANT [CPU]
"""

import gc
import os
import sys
import tracemalloc
from contextlib import closing

from benchmarks.overhead.driver import Batch
from benchmarks.overhead.scenarios import SCENARIOS
from benchmarks.overhead.subject import Asks, Scenario, Subject
from benchmarks.overhead.variants import VARIANTS
from benchmarks.process import say

WARM_BATCHES = 3
MEMORY_REPEATS = 3


def measure(subject: Subject, scenario: Scenario) -> tuple[int, dict[str, object]]:
    """Ask the application until it is warm, then a batch for every line that comes in, until "end".

    A line of figures goes out for each: whoever asks takes turns among many such processes,
    so that what slows the machine for a while slows all of them. Returns the requests made
    and the last figures.
    """
    with closing(subject.driver(scenario.path)) as driver:
        answer = driver.answer()
        _take_turns(driver, scenario.batch)
    figures: dict[str, object] = {"answer": answer, "peak_bytes": {}}
    requests = driver.requests
    if scenario.memory_paths:
        figures["peak_bytes"], asked = peaks(subject, scenario.memory_paths)
        requests += asked
    return requests, figures


def _take_turns(driver: Asks, requests: int) -> None:
    """Warm up, then a batch for every line that comes in."""
    for _ in range(WARM_BATCHES):
        driver.batch(requests)
    gc.collect()
    gc.freeze()  # what was loaded is not walked again; the collector itself stays on
    say({"ready": True})
    for line in sys.stdin:
        if line.strip() == "end":
            break
        driver.batch(max(requests // 10, 1))  # the caches were someone else's
        batch = driver.batch(requests)
        say({"wall_us": _each_us(batch.wall_ns, batch), "cpu_us": _each_us(batch.cpu_ns, batch)})


def _each_us(total_ns: int, batch: Batch) -> float:
    return total_ns / batch.requests / 1000


def peaks(subject: Subject, paths: tuple[tuple[int, str], ...]) -> tuple[dict[int, int], int]:
    """How far memory grows in one request of each path, and how many requests that took.

    By tracemalloc, over what was there before the request, with the collector off so that
    garbage shows; the least of some repeats, as other threads allocate too.
    """
    tracemalloc.start()
    gc.disable()
    grown: dict[int, int] = {}
    requests = 0
    for size, path in paths:
        with closing(subject.driver(path)) as driver:
            driver.answer()
            for _ in range(MEMORY_REPEATS):
                gc.collect()
                tracemalloc.reset_peak()
                before, _ = tracemalloc.get_traced_memory()
                driver.batch(1)
                bytes_ = tracemalloc.get_traced_memory()[1] - before
                grown[size] = min(bytes_, grown.get(size, bytes_))
        requests += driver.requests
    gc.enable()
    tracemalloc.stop()
    return grown, requests


def main() -> None:
    """Measure what the arguments say, when told to, and print the figures as JSON lines."""
    scenario, variant = SCENARIOS[sys.argv[1]], VARIANTS[sys.argv[2]]
    if len(sys.argv) > 3:
        os.sched_setaffinity(0, {int(sys.argv[3])})
    subject = scenario.build()
    check = variant.install(subject)
    requests, figures = measure(subject, scenario)
    say(figures | {"facts": check(requests)})


if __name__ == "__main__":
    main()
