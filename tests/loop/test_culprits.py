"""Who holds up the event loop is named with route, line and class; who suffers is not."""

import asyncio
import gc
import linecache

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


def blamed(kind, app, path):
    """What is found of a request among innocent ones."""
    with record() as recorded:
        run(kind, traffic(app, path))
    return [each for each in recorded.findings if each.kind == KIND]


TRIES = 8


def seen_at_last(kind, app, path, expected):
    """The same, but for what the machine did: tried again where it is not what is expected.

    A busy machine makes innocent steps long and lets nobody look in time, now and then; what is
    wrong each time fails the test.
    """
    found = []
    for _ in range(TRIES):
        found = [each for each in blamed(kind, app, path) if each.cause != "descheduled"]
        if found and summary(kind, path, found) == right(kind, path, expected):
            break
    return found


def summary(kind, path, found):
    """Route, class and guilt of the worst, and whether any innocent route is named."""
    # Of threads that compute not each pause is long enough for anybody to see who it was, and of
    # collections that are due nobody is to blame.
    own = [each for each in found if each.route == named(kind, path)]
    worst = max(own or found, key=lambda each: each.total_ns)
    guilty = worst.query is not None and "guilty" in source(worst.query)
    return worst.route, worst.cause, guilty, "/quick" in {each.route for each in found}


def right(kind, path, expected):
    """What ``summary`` is to be."""
    return named(kind, path), expected.cause, True, False


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
    found = seen_at_last(kind, app, path, expected)
    assert found, "nothing was found"
    assert summary(kind, path, found) == right(kind, path, expected), found
    own = [each for each in found if each.route == named(kind, path)]
    worst = max(own, key=lambda each: each.total_ns)
    assert worst.statement.startswith(expected.says), found
    assert worst.fix


def named(kind, path):
    if (kind, path) == ("uvloop", "/callbacks"):  # uvloop does not tell whose callback runs
        return "loop:callbacks.<locals>.tiny"
    return fastapi_blocks.NAMES.get(path, path)
