"""redis-py and its fork valkey-py: one set of patches, since they have the same classes.

An operation is named by its command and nothing else: keys, values and channels stay out.
"""

import inspect
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from inprofile.core.model import OTHER, Attributes
from inprofile.integrations._patch import Named, Patch, Wrap, timed
from inprofile.integrations._signature import Function

SYSTEM = "redis"
CONNECT, RECEIVE, MULTI, PIPELINE, CHECKOUT = "CONNECT", "RECEIVE", "MULTI", "PIPELINE", "checkout"

MAX_COMMAND = 64
"""A longer command is somebody's mistake (a value in its place) and is neither kept nor shown."""

CACHED = 1024
"""Commands remembered. There are some 500, those of modules included."""

CONTAINERS = frozenset(
    [
        "ACL",
        "CLIENT",
        "CLUSTER",
        "COMMAND",
        "CONFIG",
        "DEBUG",
        "FUNCTION",
        "HOTKEYS",
        "HIMPORT",
        "LATENCY",
        "MEMORY",
        "MODULE",
        "OBJECT",
        "PUBSUB",
        "SCRIPT",
        "SENTINEL",
        "SLOWLOG",
        "XGROUP",
        "XINFO",
    ]
)
"""Commands whose second word says what they do; the clients send both as one argument."""

_COMMAND = re.compile(r"[A-Z][A-Z0-9_]*(?:\.[A-Z0-9_]+)?")
_SUBCOMMAND = re.compile(r"[A-Z][A-Z-]*")


def _operation(name: str) -> Named:
    return name, {"db.system.name": SYSTEM, "db.operation.name": name}


@lru_cache(CACHED)
def _remembered(command: str | bytes) -> Named:
    text = command.decode("ascii", "replace") if isinstance(command, bytes) else command
    first, *more = text.upper().split() or [""]
    if not _COMMAND.fullmatch(first):
        return _operation(OTHER)
    if more and first in CONTAINERS and _SUBCOMMAND.fullmatch(more[0]):
        first += " " + more[0]
    return _operation(first)


def _command(args: tuple[Any, ...]) -> Named | None:
    """Names execute_command; without a command the library raises."""
    if not args:
        return None
    command = args[0]
    if type(command) in {str, bytes} and len(command) <= MAX_COMMAND:
        return _remembered(command)
    return _OTHER


def _batch(named: Named, size: int) -> Named:
    """OpenTelemetry wants the size of a batch where it is one: from two commands on."""
    about: Attributes = {**(named[1] or {}), "db.operation.batch.size": size}
    return (named[0], about) if size > 1 else named


def _transactional(flag: str) -> Callable[[Any], Named | None]:
    """Names Pipeline.execute; an empty one sends nothing, unless it watches keys."""

    def describe(self: Any) -> Named | None:
        size = len(self.command_stack)
        if not size and not self.watching:
            return None
        is_transaction = getattr(self, flag) or self.explicit_transaction
        return _batch(_MULTI if is_transaction else _PIPELINE, size)

    return describe


def _cluster_pipeline(self: Any) -> Named | None:
    size = len(self)
    return _batch(_PIPELINE, size) if size else None


def _connect(self: Any) -> Named | None:
    """Names Connection.connect, which a pool calls before every command."""
    return None if self._sock is not None else _CONNECT


def _async_connect(self: Any) -> Named | None:
    return None if self.is_connected else _CONNECT


def _has_none(pool: Any) -> bool:
    queue: Any = pool.pool
    return bool(queue.empty())


def _async_has_none(pool: Any) -> bool:
    return not pool.can_get_connection()


def _waiting(must_wait: Callable[[Any], bool]) -> Wrap:
    """A wrapper of a blocking pool's get_connection: a span when it has to wait, else none.

    Newer versions have it below a decorator, whose arguments have no names.
    """

    def by_self(self: Any) -> Named | None:
        return (CHECKOUT, None) if must_wait(self) else None

    def by_position(args: tuple[Any, ...]) -> Named | None:
        return by_self(args[0])

    def wrap(original: Function) -> Function:
        declared = inspect.signature(original, follow_wrapped=False).parameters
        return timed("db_pool_wait", by_self if "self" in declared else by_position)(original)

    return wrap


_OTHER, _CONNECT, _RECEIVE = _operation(OTHER), _operation(CONNECT), _operation(RECEIVE)
_MULTI, _PIPELINE = _operation(MULTI), _operation(PIPELINE)

_executes = timed("cache", _command, leaf=True)
_receives = timed("cache", lambda: _RECEIVE, leaf=True)
_executes_cluster_pipeline = timed("cache", _cluster_pipeline, leaf=True)


def patches(package: str, client: str) -> dict[str, tuple[Patch, ...]]:
    """The patches of ``package``, whose client class is called ``client``."""
    cluster = (
        Patch(f"{client}Cluster.execute_command", _executes),
        Patch("ClusterPipeline.execute", _executes_cluster_pipeline),
    )

    def of_clients(flag: str) -> tuple[Patch, ...]:
        return (
            Patch(f"{client}.execute_command", _executes),
            Patch("Pipeline.execute", timed("cache", _transactional(flag), leaf=True)),
            Patch("Pipeline.immediate_execute_command", _executes),
            Patch("PubSub.execute_command", _executes),
            Patch("PubSub.parse_response", _receives),
        )

    return {
        f"{package}.client": of_clients("transaction"),
        f"{package}.asyncio.client": of_clients("is_transaction"),
        f"{package}.cluster": cluster,
        f"{package}.asyncio.cluster": cluster,
        f"{package}.connection": (
            Patch("AbstractConnection.connect", timed("cache", _connect)),
            Patch("BlockingConnectionPool.get_connection", _waiting(_has_none)),
        ),
        f"{package}.asyncio.connection": (
            Patch("AbstractConnection.connect", timed("cache", _async_connect)),
            Patch("BlockingConnectionPool.get_connection", _waiting(_async_has_none)),
        ),
    }
