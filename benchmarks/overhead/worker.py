"""One fresh process: builds one scenario, puts one variant around it, and times it.

Usage: python -m benchmarks.overhead.worker SCENARIO VARIANT BATCHES [CPU]
"""

import asyncio
import gc
import json
import os
import statistics
import sys
import tracemalloc

from benchmarks.overhead.driver import App, Driver
from benchmarks.overhead.scenarios import SCENARIOS, Scenario
from benchmarks.overhead.variants import VARIANTS

WARM_BATCHES = 3
MEMORY_REPEATS = 3


async def measure(app: App, scenario: Scenario, batches: int) -> tuple[int, dict[str, object]]:
    """Ask ``app`` until it is warm, then time it; the requests made and the figures."""
    driver = Driver(app, scenario.path)
    answer = await driver.answer()
    for _ in range(WARM_BATCHES):
        await driver.batch(scenario.batch)
    gc.collect()
    gc.freeze()  # what was loaded is not walked again; the collector itself stays on
    taken = [await driver.batch(scenario.batch) for _ in range(batches)]
    wall_us = [batch.wall_ns / batch.requests / 1000 for batch in taken]
    figures: dict[str, object] = {
        "answer": answer,
        "min_us": min(wall_us),
        "median_us": statistics.median(wall_us),
        "cpu_us": statistics.median(batch.cpu_ns / batch.requests / 1000 for batch in taken),
        "peak_bytes": {},
    }
    requests = driver.requests
    if scenario.memory_paths:
        figures["peak_bytes"], asked = await peaks(app, scenario.memory_paths)
        requests += asked
    return requests, figures


async def peaks(app: App, paths: tuple[tuple[int, str], ...]) -> tuple[dict[int, int], int]:
    """How far memory grows in one request of each path, and how many requests that took.

    By tracemalloc, over what was there before the request, with the collector off so that
    garbage shows; the least of some repeats, as other threads allocate too.
    """
    tracemalloc.start()
    gc.disable()
    grown: dict[int, int] = {}
    requests = 0
    for size, path in paths:
        driver = Driver(app, path)
        await driver.answer()
        for _ in range(MEMORY_REPEATS):
            gc.collect()
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            await driver.batch(1)
            bytes_ = tracemalloc.get_traced_memory()[1] - before
            grown[size] = min(bytes_, grown.get(size, bytes_))
        requests += driver.requests
    gc.enable()
    tracemalloc.stop()
    return grown, requests


def main() -> None:
    """Measure what the arguments say and print the figures as JSON."""
    scenario, variant = SCENARIOS[sys.argv[1]], VARIANTS[sys.argv[2]]
    batches = int(sys.argv[3])
    if len(sys.argv) > 4:
        os.sched_setaffinity(0, {int(sys.argv[4])})
    subject = scenario.build()
    check = variant.install(subject)
    requests, figures = asyncio.run(measure(subject.app, scenario, batches))
    print(json.dumps(figures | {"facts": check(requests)}))


if __name__ == "__main__":
    main()
