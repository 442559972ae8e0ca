"""redis-py and its fork valkey-py: one set of patches, since they have the same classes.

An operation is named by its command and nothing else: keys, values and channels stay out.
"""

import inspect
import re
from collections.abc import Callable
from functools import lru_cache
from types import FrameType
from typing import Any

from inprofile.core.frames import Stand
from inprofile.core.model import OTHER, Attributes, Span
from inprofile.core.sites import Facts
from inprofile.integrations._called import called
from inprofile.integrations._key import commanded
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

KEYLESS = frozenset(
    (  # noqa: SIM905 - a list would take a line a word
        "PING ECHO AUTH HELLO SELECT QUIT RESET INFO TIME DBSIZE KEYS RANDOMKEY FLUSHDB"
        " FLUSHALL SAVE BGSAVE LASTSAVE WAIT WAITAOF MULTI EXEC DISCARD WATCH UNWATCH MONITOR"
        " SYNC PSYNC ROLE REPLICAOF SHUTDOWN SWAPDB READONLY READWRITE ASKING PUBLISH SPUBLISH"
        " SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE SCAN SSCAN"
        " HSCAN ZSCAN XREAD XREADGROUP BLPOP BRPOP BLMOVE BLMPOP BRPOPLPUSH BZPOPMIN BZPOPMAX"
        " BZMPOP CONNECT RECEIVE MIGRATE LOLWUT _OTHER"
    ).split()
)
"""Commands that are for no key, page through one, wait for a queue, or bring news."""

MULTIPLE = {
    "MGET": 2,
    "DEL": 2,
    "UNLINK": 2,
    "EXISTS": 2,
    "TOUCH": 2,
    "PFCOUNT": 2,
    "SUNION": 2,
    "SINTER": 2,
    "SDIFF": 2,
    "MSET": 3,
    "MSETNX": 3,
    "JSON.MGET": 3,
}
"""Commands for any number of keys, and how long they are with one."""

BY_FIELD = {
    "HGET": 3,
    "HEXISTS": 3,
    "HDEL": 3,
    "HSTRLEN": 3,
    "HSET": 4,
    "HSETNX": 4,
    "HINCRBY": 4,
    "SADD": 3,
    "SREM": 3,
    "SISMEMBER": 3,
    "ZSCORE": 3,
    "ZREM": 3,
    "LINDEX": 3,
}
"""Commands for a field or member of a key, and how long they are with one."""

SCRIPTS = frozenset({"EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"})
SCRIPT_KEY = 3

INSTEAD = {
    "GET": "mget(keys)",
    "MGET": "mget(keys)",
    "SET": "mset(values)",
    "MSET": "mset(values)",
    "DEL": "delete(*keys)",
    "UNLINK": "unlink(*keys)",
    "EXISTS": "exists(*keys)",
    "TOUCH": "touch(*keys)",
    "JSON.GET": "json().mget(keys, path)",
}
"""What serves all keys with one command."""

METHODS = (
    r"m?get\w*|m?set\w*|delete|unlink|exists|touch|incr\w*|decr\w*|p?expire\w*|persist|p?ttl|type"
    r"|strlen|dump|copy|rename\w*|h[a-z]+|s(?:add|rem|card|ismember|members|pop)|z[a-z]+|x[a-z]+"
    r"|[lr]push\w*|[lr]pop|l(?:range|len|index|rem|set|trim)|bit\w*|pf\w+|geo\w+|eval\w*"
    r"|execute_command"
)
"""Names of the clients' methods that send a command."""

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


def _key_of(command: str, args: tuple[Any, ...]) -> tuple[Any, Any] | None:
    """The one key of a command and the field of it that is meant, if that is one.

    None for what serves several keys, waits for a queue, or is about no key.
    """
    if len(args) == 1 or command in KEYLESS or command.partition(" ")[0] in CONTAINERS:
        return None
    if command in SCRIPTS:
        is_one = len(args) > SCRIPT_KEY and type(args[2]) is int and args[2] == 1
        return (args[SCRIPT_KEY], None) if is_one else None
    if command in MULTIPLE and len(args) != MULTIPLE[command]:
        return None
    return args[1], args[2] if len(args) == BY_FIELD.get(command) else None


def _begun(span: Span, args: tuple[Any, ...]) -> None:
    command = str(span.name)
    found = _key_of(command, args)
    if found is not None:
        commanded(span, command, *found, _explain)


def _begun_pipeline(span: Span, self: Any) -> None:
    """Note a pipeline of one command: again and again it saves nothing."""
    stack = self.command_stack
    if len(stack) != 1 or type(stack[0]) is not tuple:
        return
    args = stack[0][0]
    named = _command(args) if type(args) is tuple else None
    found = None if named is None else _key_of(str(named[0]), args)
    if named is not None and found is not None:
        commanded(span, f"{span.name} {named[0]}", *found, _explain)


def _explain(span: Span, at: Stand, _frames: list[FrameType]) -> Facts:
    """What to do instead: one command for all keys where there is one, else a pipeline."""
    if span.name in {MULTI, PIPELINE}:
        return Facts(fix="pipe = client.pipeline() before the loop, pipe.execute() after it")
    call = called(at, METHODS)
    client = "client" if call is None or not call.receiver else call.receiver
    piped = f"with {client}.pipeline() as pipe: ... pipe.execute()"
    instead = INSTEAD.get(str(span.name))
    return Facts(fix=piped if instead is None else f"{client}.{instead}, or {piped}")


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

_executes = timed("cache", _command, leaf=True, begun=_begun)
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
            Patch(
                "Pipeline.execute",
                timed("cache", _transactional(flag), leaf=True, begun=_begun_pipeline),
            ),
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
