"""Alerts about what slows an app down, whatever it promises."""

from collections.abc import Iterator

from inprofile.core.metrics import (
    CONNECTIONS,
    FINDINGS,
    LAG,
    MAX_CONNECTIONS,
    PENDING,
    POOL_NAME,
    TIMEOUTS,
)
from inprofile.exporters.prometheus.spelling import spelled
from inprofile.rules.promql import Durations, label, metric, selected
from inprofile.rules.rule import Alert

N_PLUS_ONE = label("kind", ".*n_plus_one", "=~")
USED = label("db.client.connection.state", "used")


def alerts(loop_block_ms: float) -> Iterator[Alert]:
    """All of them; an event loop that is late by ``loop_block_ms`` is blocked."""
    yield Alert(
        "InprofileEventLoopBlocked",
        f"(\n{Durations(LAG, '5m').quantile(0.99, 'job')}\n) > {loop_block_ms / 1e3:g}",
        "ticket",
        "The event loop of {{ $labels.job }} is blocked",
        "One timer in a hundred is {{ $value | humanizeDuration }} late, and so is whatever else"
        " is ready. The dashboard Runtime says which route holds up which others, the findings"
        " blocked_event_loop and sync_io_on_loop say by which line.",
        "5m",
    )
    yield Alert(
        "InprofileNPlusOne",
        _n_plus_one(),
        "ticket",
        "{{ $labels.http_route }} of {{ $labels.job }} has an N+1 that it did not have",
        "{{ $labels.kind }}, {{ $value | humanize }} times in a quarter of an hour, and not once"
        " in the day before. `inprofile report` shows the loop, the query and the fix.",
    )
    yield from _pools()


def _n_plus_one() -> str:
    """A service that is new itself has nothing that it did not have."""
    found = f"sum by (job, http_route, kind) (increase({selected(FINDINGS, N_PLUS_ONE)}"
    known = "count by (job) (inprofile_workers offset 1h)"
    return f"{found}[15m])) > 0\nunless\n{found}[1d] offset 15m)) > 0\nand on (job)\n{known}"


def _pools() -> Iterator[Alert]:
    pool = f"by (job, instance, {spelled(POOL_NAME)})"
    name = f"{{{{ $labels.{spelled(POOL_NAME)} }}}}"
    yield Alert(
        "InprofilePoolExhausted",
        f"sum {pool} ({metric(PENDING)}) > 0\nand\n"
        f"sum {pool} ({selected(CONNECTIONS, USED)}) >= sum {pool} ({metric(MAX_CONNECTIONS)})",
        "ticket",
        f"All connections of {name} at {{{{ $labels.instance }}}} are in use",
        "{{ $value }} wait for one. The dashboard Runtime says for how long a connection is held.",
        "2m",
    )
    yield Alert(
        "InprofilePoolTimeout",
        f"sum {pool} (increase({metric(TIMEOUTS)}[5m])) > 0",
        "page",
        f"Requests at {{{{ $labels.instance }}}} get no connection of {name}",
        "{{ $value | humanize }} gave up in five minutes.",
    )
