"""One fresh process: builds one scenario, puts one variant around it, and times it.

Usage: python -m benchmarks.overhead.worker SCENARIO VARIANT BATCHES CPU
"""

import asyncio
import gc
import json
import os
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable

from benchmarks.overhead.driver import App, Batch, Driver
from benchmarks.overhead.scenarios import SCENARIOS, Scenario
from benchmarks.overhead.variants import VARIANTS

WARM_BATCHES = 5
MEMORY_REPEATS = 3
SPINS = 20_000
"""Steps of the loop that tells how fast the machine is: about a millisecond."""


def spin_us() -> float:
    """Time a fixed loop."""
    start_ns = time.perf_counter_ns()
    total = 0
    for n in range(SPINS):
        total += n
    return (time.perf_counter_ns() - start_ns) / 1000


async def measure(app: App, scenario: Scenario, batches: int) -> tuple[int, dict[str, object]]:
    """Ask ``app`` until it is warm, then time it; the requests made and the figures."""
    driver = Driver(app, scenario.path)
    answer = await driver.answer()
    for _ in range(WARM_BATCHES):
        await driver.batch(scenario.batch)
    gc.collect()
    gc.freeze()  # what was loaded is not walked again; the collector itself stays on
    spins, taken = [], []
    for _ in range(batches):
        spins.append(spin_us())
        taken.append(await driver.batch(scenario.batch))
    wall_us = [per_request_us(batch) for batch in taken]
    return driver.requests, {
        "answer": answer,
        "min_us": min(wall_us),
        "median_us": statistics.median(wall_us),
        "cpu_us": statistics.median(batch.cpu_ns / batch.requests / 1000 for batch in taken),
        "spin_us": min(spins),
    }


async def switched(
    app: App, scenario: Scenario, batches: int, switch: Callable[[bool], None]
) -> tuple[int, float]:
    """Time batches with the variant switched on and off in turns.

    Return how many requests it was on for, and what it then adds: the difference between the
    fastest of each. The two share one process, so its luck with memory cancels out.
    """
    driver = Driver(app, scenario.path)
    on_us, off_us = [], []
    for _ in range(batches):
        on_us.append(per_request_us(await driver.batch(scenario.batch)))
        switch(False)
        off_us.append(per_request_us(await driver.batch(scenario.batch)))
        switch(True)
    return driver.requests // 2, min(on_us) - min(off_us)


def per_request_us(batch: Batch) -> float:
    """Return the wall time of one request."""
    return batch.wall_ns / batch.requests / 1000


async def peaks(app: App, paths: tuple[tuple[int, str], ...]) -> tuple[int, dict[int, int]]:
    """Return how many requests it took to see how far memory grows in one of each path.

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
    return requests, grown


async def figures(app: App, scenario: Scenario, batches: int, variant: str) -> dict[str, object]:
    """Measure everything, and return it with the number of ``requests`` that were watched."""
    requests, found = await measure(app, scenario, batches)
    switch = VARIANTS[variant].switch
    if switch is not None:
        watched, found["switched_us"] = await switched(app, scenario, batches, switch)
        requests += watched
    if scenario.memory_paths:
        asked, found["peak_bytes"] = await peaks(app, scenario.memory_paths)
        requests += asked
    return found | {"requests": requests}


def main() -> None:
    """Measure what the arguments say and print the figures as JSON."""
    name, variant, batches, cpu = sys.argv[1:]
    if int(cpu) >= 0:
        os.sched_setaffinity(0, {int(cpu)})
    scenario = SCENARIOS[name]
    subject = scenario.build()
    check = VARIANTS[variant].install(subject)
    found = asyncio.run(figures(subject.app, scenario, int(batches), variant))
    requests = found.pop("requests")
    assert isinstance(requests, int)
    print(json.dumps(found | {"facts": check(requests)}))


if __name__ == "__main__":
    main()
