"""Who holds up the event loop is named with route, line and class; who suffers is not."""

import asyncio
import gc
import linecache
import time
from pathlib import Path

import pytest

from inprofile.testing import record
from tests import asgi
from tests.loop import blocks, django_blocks, fastapi_blocks
from tests.loop.loops import LOOPS, run

INNOCENTS = 5
KIND = "blocked_event_loop"


async def traffic(app, path, innocents=INNOCENTS):
    """One request for ``path`` among innocent ones."""
    others = [
        asyncio.create_task(asgi.exchange(app, asgi.scope("/quick"))) for _ in range(innocents)
    ]
    await asyncio.sleep(0.05)
    await asgi.exchange(app, asgi.scope(path))
    await asyncio.gather(*others)


def source(place):
    return linecache.getline(place.file, place.line)


TRIES = 8

BUSY = 0.2
"""Who waits for a processor for such a part of the time has it taken away by others."""


def undisturbed(work):
    """Who is blamed for it the first time that the machine has let it happen.

    It has not where the loop's thread had to wait for a processor, and where another thread that
    has waited for the interpreter got it before the one that looks: then the line of what held it
    is not known. No innocent route may be named in any of them.
    """
    found = []
    for _ in range(TRIES):
        before_ns, began_ns = queued_ns(), time.perf_counter_ns()
        with record() as recorded:
            work()
        queued = (queued_ns() - before_ns) / (time.perf_counter_ns() - began_ns)
        found = [each for each in recorded.findings if each.kind == KIND]
        innocent = [each for each in found if each.route == "/quick"]
        assert not innocent, "\n".join(map(str, innocent))
        unseen = any(each.cause == "descheduled" or each.query is None for each in found)
        if not unseen and queued < BUSY:
            break
    return [each for each in found if each.cause != "descheduled"]


def queued_ns():
    """How long this thread has waited for a processor; 0 where the system does not tell."""
    told = Path("/proc/thread-self/schedstat")
    return int(told.read_text().split()[1]) if told.exists() else 0


def summary(kind, path, found):
    """Route, class and guilt of the worst."""
    # Of threads that compute not each pause is long enough for anybody to see who it was, and of
    # collections that are due nobody is to blame.
    own = [each for each in found if each.route == named(kind, path)]
    worst = max(own or found, key=lambda each: each.total_ns)
    guilty = worst.query is not None and "guilty" in source(worst.query)
    return worst.route, worst.cause, guilty


@pytest.fixture
def many_objects():
    """So much garbage that collecting it takes long."""
    blocks.OBJECTS[:] = [[i] for i in range(2_000_000)]
    yield
    blocks.OBJECTS.clear()
    gc.collect()


SHAPES = {"fastapi": fastapi_blocks.ROUTES, "django": django_blocks.ROUTES}
CASES = [
    (framework, path, kind)
    for framework, routes in SHAPES.items()
    for path in routes
    for kind in LOOPS
    if (path, kind) != ("/eager", "uvloop")  # which has none: its create_task takes no such factory
]


@pytest.mark.parametrize(("framework", "path", "kind"), CASES)
def test_a_block_is_named_with_its_route_line_and_class(framework, path, kind, request, places):
    if path == "/collect":
        request.getfixturevalue("many_objects")
    expected = SHAPES[framework][path]
    app = request.getfixturevalue(f"{framework}_app")
    found = undisturbed(lambda: run(kind, traffic(app, path)))
    assert found, "nothing was found"
    assert summary(kind, path, found) == (named(kind, path), expected.cause, True), found
    own = [each for each in found if each.route == named(kind, path)]
    worst = max(own, key=lambda each: each.total_ns)
    assert worst.statement.startswith(expected.says), found
    assert worst.fix


def named(kind, path):
    if (kind, path) == ("uvloop", "/callbacks"):  # uvloop does not tell whose callback runs
        return "loop:callbacks.<locals>.tiny"
    return fastapi_blocks.NAMES.get(path, path)
