"""Connection pools, as plain numbers on virtual time."""

import gc

import pytest

from inprofile.core import metrics
from inprofile.core.buckets import layout
from inprofile.core.cells import Cells
from inprofile.core.guard import guard
from inprofile.core.pools import MAX_POOLS, MAX_SAMPLES, Pools, Size
from tests.core.fake_clock import FakeClock

COUNT, MAX = metrics.CONNECTIONS.name, metrics.MAX_CONNECTIONS.name
WAIT, USE = metrics.WAIT_TIME.name, metrics.USE_TIME.name
BOUNDS = layout([])


class Anchor:
    """Stands for any library's pool: how many connections are idle, and its limit."""

    def __init__(self, idle=0, largest=5):
        self.idle = idle
        self.largest = largest
        self.closed = False

    def size(self):
        return None if self.closed else Size(self.idle, self.largest)


@pytest.fixture
def cells():
    cells = Cells(None, BOUNDS, 8 << 20)
    yield cells
    cells.close()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def pools(clock):
    return Pools(clock)


def gauges(pools, cells, family):
    """What the gauge says after writing, by labels."""
    pools.write(cells)
    return {
        key[1:]: values[0]
        for key, values in cells.copied().items()
        if key[0] == family and "_OVERFLOW" not in key
    }


def times(pools, cells, family):
    """(sum, count) of a histogram after writing, by pool."""
    pools.write(cells)
    return {
        key[1]: (values[0], sum(values[2:]))
        for key, values in cells.copied().items()
        if key[0] == family and "_OVERFLOW" not in key
    }


def test_two_threads_that_see_a_pool_first_know_one(pools):
    anchor = Anchor()
    first = pools.add(anchor, "shop", Anchor.size)
    assert pools.add(anchor, "shop", Anchor.size) is first


def test_what_is_lent_is_used_until_it_is_given_back(pools, cells, clock):
    anchor, connection = Anchor(idle=2), object()
    pool = pools.add(anchor, "orders", Anchor.size)
    asked_ns = clock()
    clock.advance(300)
    pools.lent(pool, connection, asked_ns)
    assert gauges(pools, cells, COUNT) == {("orders", "idle"): 2, ("orders", "used"): 1}
    assert gauges(pools, cells, MAX) == {("orders",): 5}
    clock.advance(7_000)
    pools.returned(connection)
    assert gauges(pools, cells, COUNT) == {("orders", "idle"): 2, ("orders", "used"): 0}
    assert times(pools, cells, WAIT) == {"orders": (300, 1)}
    assert times(pools, cells, USE) == {"orders": (7_000, 1)}


def test_what_nobody_was_seen_to_borrow_is_given_back_unnoticed(pools, cells):
    pools.returned(object())
    assert times(pools, cells, USE) == {}


def test_what_was_never_given_back_is_not_used_twice(pools, cells):
    anchors, connection = [Anchor(), Anchor()], object()
    first, second = (
        pools.add(anchor, name, Anchor.size)
        for anchor, name in zip(anchors, ("first", "second"), strict=True)
    )
    pools.lent(first, connection, 0)
    pools.lent(second, connection, 0)  # a new one, at the place in memory of one that is gone
    held = gauges(pools, cells, COUNT)
    assert (held["first", "used"], held["second", "used"]) == (0, 1)


def test_pools_of_one_name_are_added_up(pools, cells):
    anchors = [Anchor(idle=1), Anchor(idle=2, largest=7)]
    for anchor in anchors:
        pools.add(anchor, "orders", Anchor.size).waiting.append(None)
    assert gauges(pools, cells, COUNT) == {("orders", "idle"): 3, ("orders", "used"): 0}
    assert gauges(pools, cells, MAX) == {("orders",): 12}
    assert gauges(pools, cells, metrics.PENDING.name) == {("orders",): 2}


def test_a_pool_without_a_limit_has_no_maximum(pools, cells):
    anchor = Anchor(largest=None)
    pools.add(anchor, "orders", Anchor.size)
    assert gauges(pools, cells, MAX) == {}


@pytest.mark.parametrize("end", ["closed", "gone"])
def test_a_pool_that_is_closed_or_gone_leaves_no_ghost(end, pools, cells):
    anchor = Anchor(idle=3)
    pools.add(anchor, "orders", Anchor.size)
    assert gauges(pools, cells, MAX) == {("orders",): 5}
    if end == "closed":
        anchor.closed = True
    else:
        del anchor
        gc.collect()
    assert gauges(pools, cells, MAX) == {("orders",): 0}
    assert gauges(pools, cells, COUNT) == {("orders", "idle"): 0, ("orders", "used"): 0}


def test_a_new_pool_at_the_place_of_one_that_is_gone_is_another(pools):
    anchor = Anchor()
    pool = pools.add(anchor, "orders", Anchor.size)
    assert pools.of(anchor) is pool
    del anchor
    assert pools.of(Anchor()) is None


def test_a_pool_that_fails_to_answer_is_forgotten_and_the_others_are_written(pools, cells):
    broken, healthy = Anchor(), Anchor()
    pools.add(broken, "broken", lambda _: 1 / 0)
    pools.add(healthy, "healthy", Anchor.size)
    assert gauges(pools, cells, MAX) == {("healthy",): 5}
    assert guard.errors == 1
    guard.errors = 0


def test_series_that_a_cap_turns_away_share_one(pools, cells):
    anchors = [Anchor(idle=1) for _ in range(metrics.CONNECTIONS.cap)]
    for number, anchor in enumerate(anchors):
        pools.add(anchor, f"pool {number}", Anchor.size)
    pools.write(cells)
    pools.write(cells)
    idle = [values[0] for key, values in cells.copied().items() if key[0] == COUNT]
    assert sum(idle) == len(anchors)


def test_what_waits_is_bounded_and_what_is_lost_is_counted(pools, cells):
    anchors = [Anchor() for _ in range(MAX_POOLS + 1)]
    added = [pools.add(anchor, "orders", Anchor.size) for anchor in anchors]
    assert pools.of(anchors[-1]) is None
    for _ in range(MAX_SAMPLES + 2):
        pools.refused(added[0])
    pools.write(cells)
    found = cells.copied()
    assert found[metrics.TIMEOUTS.name, "orders"] == [MAX_SAMPLES]
    assert found[metrics.DROPPED.name, "pool times"] == [2]


def test_a_process_of_its_own_starts_with_nothing(pools, cells):
    anchor, connection = Anchor(idle=3), object()
    pools.lent(pools.add(anchor, "orders", Anchor.size), connection, 0)
    pools.forget()
    pools.returned(connection)
    assert gauges(pools, cells, COUNT) == {}
    assert times(pools, cells, WAIT) == {}
