"""pymongo: operations with their retries, the batches of cursors, connecting and the pool.

An operation is named by its command and its collection; filters, documents and pipelines stay
out. Every operation passes MongoClient._retryable_read or _retryable_write, which do not know the
collection: the command that is sent below them says so. Cursors know theirs beforehand.
"""

import re
from functools import lru_cache
from typing import Any

from inprofile.core.model import OTHER, Attributes, Span
from inprofile.core.recorder import recording
from inprofile.integrations._about import About
from inprofile.integrations._documents import looked_up, ordered
from inprofile.integrations._patch import Named, Patch, timed

CACHED = 4096
"""Operations remembered, by command and collection."""

MAX_NAME = 255
"""The longest name that a collection may have (with its database's)."""

COLLECTION = "db.collection.name"
BULK_WRITE, GET_MORE = "bulkWrite", "getMore"
CHECKOUT = ("checkout", None)

ON_COLLECTIONS = frozenset(
    [
        "aggregate",
        "collMod",
        "collStats",
        "compact",
        "convertToCapped",
        "count",
        "create",
        "createIndexes",
        "createSearchIndexes",
        "delete",
        "distinct",
        "drop",
        "dropIndexes",
        "dropSearchIndex",
        "find",
        "findAndModify",
        "insert",
        "killCursors",
        "listIndexes",
        "mapReduce",
        "reIndex",
        "update",
        "updateSearchIndex",
        "validate",
    ]
)
"""Commands whose value is the collection; that of others may be somebody's name."""

HANDSHAKES = frozenset({"hello", "ismaster", "isMaster"})
"""What monitors send on their own, in the context of whoever used the client first."""

_COMMAND = re.compile(r"[A-Za-z]{1,64}")


@lru_cache(CACHED)
def _operation(command: str, collection: str) -> Named:
    if not _COMMAND.fullmatch(command):
        command = OTHER
    about: dict[str, str | int] = {"db.system.name": "mongodb", "db.operation.name": command}
    if collection:
        about[COLLECTION] = collection
    return f"{command} {collection}".rstrip(), about


def _named(command: Any, collection: Any = "") -> Named:
    """The name by what pymongo or its user says; its own commands are members of an enum."""
    command = getattr(command, "_value_", command)
    if type(command) is not str or len(command) > MAX_NAME:
        command = OTHER
    if type(collection) is not str or len(collection) > MAX_NAME:
        collection = ""
    return _operation(command, collection)


def _read(operation: Any) -> Named:
    """Names MongoClient._retryable_read."""
    return _named(operation)


def _write(operation: Any, bulk: Any) -> Named:
    """Names MongoClient._retryable_write."""
    if bulk is None:
        return _named(operation)
    if any(kind for kind, _ in bulk.ops):  # all are said to insert
        operation = BULK_WRITE
    collection = getattr(bulk, "collection", None)  # a client's bulk writes to any of them
    named = _named(operation, "" if collection is None else collection.name)
    size = len(bulk.ops)
    if size <= 1:
        return named
    about: Attributes = {**(named[1] or {}), "db.operation.batch.size": size}
    return named[0], about


def _finish(command_name: Any) -> Named:
    """Names ClientSession._finish_transaction_with_retry."""
    return _named(command_name)


def _command(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Named | None:
    """Names Connection.command(dbname, spec, ...), or what it is sent for."""
    spec = args[2] if len(args) > 2 else kwargs["spec"]  # noqa: PLR2004
    command = next(iter(spec))
    if command in HANDSHAKES:
        return None
    collection = spec[command] if command in ON_COLLECTIONS else ""
    span = recording()
    if span is None or span.kind != "db":
        return _named(command, collection)
    about = span.attributes
    if collection and about is not None and COLLECTION not in about:
        span.name, span.attributes = _named(about["db.operation.name"], collection)
    if command in ON_COLLECTIONS:
        ordered(span, command, spec)
    return None


def _cursor(operation: Any) -> Named:
    """Names Cursor._send_message: the rest of what was found belongs to the find."""
    name = operation.name
    return _named("find" if name == GET_MORE else name, operation.coll)


def _command_cursor(operation: Any) -> Named:
    """Names CommandCursor._send_message: more of an aggregate, or of what lists something."""
    collection = operation.coll
    if collection.startswith("$cmd."):
        return _named(collection.split(".")[1])
    return _named("aggregate", collection)


def _begun(span: Span, operation: Any) -> None:
    if operation.name != GET_MORE:
        looked_up(span, operation.spec, operation.limit, operation.ntoskip)


def _settle(span: Span, _result: Any, operation: Any) -> None:
    """Getting more adds time to an operation, and no count."""
    if operation.name == GET_MORE:
        span.count = 0


def _connect(self: Any) -> Named | None:
    """Names Pool.connect; the pools of monitors work for nobody in particular."""
    monitors = self.is_sdam if hasattr(self, "is_sdam") else not self.handshake
    return None if monitors else _CONNECT


def _get_conn(self: Any) -> Named | None:
    """Names Pool._get_conn when it must wait: for a connection, or to open one."""
    if self.requests >= self.max_pool_size:
        return CHECKOUT
    return CHECKOUT if not self.conns and self._pending >= self._max_connecting else None


_CONNECT = _named("connect")


def _patches(package: str, prefix: str) -> dict[str, tuple[Patch, ...]]:
    """The patches of the synchronous or the asynchronous half, which have the same methods."""
    return {
        f"pymongo.{package}.mongo_client": (
            Patch(f"{prefix}MongoClient._retryable_read", timed("db", _read, leaf=True)),
            Patch(f"{prefix}MongoClient._retryable_write", timed("db", _write, leaf=True)),
        ),
        f"pymongo.{package}.client_session": (
            Patch(
                f"{prefix}ClientSession._finish_transaction_with_retry",
                timed("db", _finish, leaf=True),
            ),
        ),
        f"pymongo.{package}.cursor": (
            Patch(
                f"{prefix}Cursor._send_message",
                timed("db", _cursor, leaf=True, begun=_begun, finished=_settle),
            ),
        ),
        f"pymongo.{package}.command_cursor": (
            Patch(
                f"{prefix}CommandCursor._send_message",
                timed("db", _command_cursor, leaf=True, finished=_settle),
            ),
        ),
        f"pymongo.{package}.pool": (
            Patch(f"{prefix}Connection.command", timed("db", _command)),
            Patch("Pool.connect", timed("db", _connect)),
            Patch("Pool._get_conn", timed("db_pool_wait", _get_conn)),
        ),
    }


ABOUT = About(
    "pymongo",
    ">=4.18,<5",
    "`db`: operations with their retries and the choice of a server, batches of cursors, connect;"
    " `db_pool_wait`: a pool with no connection left; sync and async",
    "unacknowledged bulk writes",
)

PATCHES = _patches("synchronous", "") | _patches("asynchronous", "Async")
