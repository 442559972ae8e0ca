"""One fresh process: builds one scenario, puts one variant around it, and times it.

Usage: python -m benchmarks.overhead.worker SCENARIO VARIANT [CPU]
"""

import asyncio
import gc
import json
import os
import sys
import tracemalloc

from benchmarks.overhead.driver import App, Batch, Driver
from benchmarks.overhead.scenarios import SCENARIOS, Scenario
from benchmarks.overhead.variants import VARIANTS

WARM_BATCHES = 3
MEMORY_REPEATS = 3


async def measure(app: App, scenario: Scenario) -> tuple[int, dict[str, object]]:
    """Ask ``app`` until it is warm, then a batch for every line that comes in, until "end".

    A line of figures goes out for each: whoever asks takes turns among many such processes,
    so that what slows the machine for a while slows all of them. Returns the requests made
    and the last figures.
    """
    driver = Driver(app, scenario.path)
    answer = await driver.answer()
    for _ in range(WARM_BATCHES):
        await driver.batch(scenario.batch)
    gc.collect()
    gc.freeze()  # what was loaded is not walked again; the collector itself stays on
    _say({"ready": True})
    for line in sys.stdin:
        if line.strip() == "end":
            break
        await driver.batch(max(scenario.batch // 10, 1))  # the caches were someone else's
        batch = await driver.batch(scenario.batch)
        _say({"wall_us": _each_us(batch.wall_ns, batch), "cpu_us": _each_us(batch.cpu_ns, batch)})
    figures: dict[str, object] = {"answer": answer, "peak_bytes": {}}
    requests = driver.requests
    if scenario.memory_paths:
        figures["peak_bytes"], asked = await peaks(app, scenario.memory_paths)
        requests += asked
    return requests, figures


def _each_us(total_ns: int, batch: Batch) -> float:
    return total_ns / batch.requests / 1000


def _say(what: dict[str, object]) -> None:
    print(json.dumps(what), flush=True)


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
    """Measure what the arguments say, when told to, and print the figures as JSON lines."""
    scenario, variant = SCENARIOS[sys.argv[1]], VARIANTS[sys.argv[2]]
    if len(sys.argv) > 3:
        os.sched_setaffinity(0, {int(sys.argv[3])})
    subject = scenario.build()
    check = variant.install(subject)
    requests, figures = asyncio.run(measure(subject.app, scenario))
    _say(figures | {"facts": check(requests)})


if __name__ == "__main__":
    main()
