"""Fixtures of the reports' tests: a group with some of everything, and the facts about it."""

import pytest

from inprofile.core.model import UNMATCHED, Finding, Location
from tests.analysis.group import Group

COLUMNS = ", ".join(f"product.column_{i}" for i in range(40))
STATEMENT = f"SELECT {COLUMNS} FROM product WHERE product.id = ?"
LOG = "/srv/shop/src/shop/api/orders.py:88 list_orders"
LIBRARY = "/venv/lib/python3.11/site-packages/uvicorn/h11_impl.py:477 send"


@pytest.fixture
def group(tmp_path):
    """An empty group, whose workers end with the test."""
    made = Group(tmp_path / "shop")
    yield made
    made.end()


@pytest.fixture
def shop(group):
    """A group in which everything that a report tells of has happened."""
    worker = group.worker()
    about = {"db.system.name": "sqlite", "db.operation.name": "SELECT"}
    server = {"http.request.method": "GET", "server.address": "carrier"}
    for method in ("GET", "POST"):
        worker.request(
            "/api/v1/orders/{order_id}",
            *[("db", STATEMENT, 2, about)] * 3,
            ("dependencies", "get_session", 1),
            ("middleware", "GZipMiddleware", 1),
            ("serialization", "dump list[Order]", 2),
            ("logging", LOG, 0.5),
            ("logging", LIBRARY, 0.25),
            ("http", "GET", 5, server),
            method=method,
            own_ms=20,
        )
    worker.findings = [
        Finding(
            kind="slow_query",
            route="/health",
            query=Location(LOG.partition(":")[0], 90, "list_orders"),
            statement=STATEMENT,
            count=1,
            total_ns=600_000_000,
            evidence="took 600 ms a run",
            fix="Look at its plan (EXPLAIN).",
        )
    ]
    worker.request("/health", status=500, own_ms=1)
    worker.request(UNMATCHED, status=404, own_ms=1)
    cache = {"db.system.name": "redis", "db.operation.name": "FLUSHALL"}
    parts = [("db", "DELETE FROM item", 3, about), ("cache", "FLUSHALL", 1, cache)]
    worker.job("nightly", *parts, own_ms=1)
    trace = worker.begin("/prices", "", "websocket")
    trace.messages = [3, 2]
    worker.clock.advance(5_000_000)
    worker.recorder.finish(trace)
    return group
