"""pymemcache: every command of every client passes one of three methods, and a connect.

An operation is named by its command and nothing else: keys and values stay out.
"""

import re
from collections.abc import Callable, Sized
from functools import lru_cache
from typing import Any

from inprofile.core.model import OTHER, Attributes
from inprofile.integrations._about import About
from inprofile.integrations._patch import Named, Patch, timed

MAX_COMMAND = 64
"""A longer command is a raw one with data in it: neither kept nor shown."""

CACHED = 256
"""Commands remembered; memcached has some 40."""

COUNTABLE = frozenset({list, tuple, dict, set, frozenset, type({}.keys())})
"""What may be asked for its length; anything else is the user's own affair."""

_COMMAND = re.compile(r"[a-z_]+")


def _operation(name: str) -> Named:
    return name, {"db.system.name": "memcached", "db.operation.name": name}


@lru_cache(CACHED)
def _remembered(command: bytes) -> Named:
    first = command.decode("ascii", "replace").lower().partition(" ")[0].strip()
    return _operation(first if _COMMAND.fullmatch(first) else OTHER)


def _batch(command: bytes, keys: Sized) -> Named:
    """OpenTelemetry wants the size of a batch where it is one: from two keys on."""
    named = _remembered(command) if len(command) <= MAX_COMMAND else _OTHER
    size = len(keys) if type(keys) in COUNTABLE else 0
    if size <= 1:
        return named
    about: Attributes = {**(named[1] or {}), "db.operation.batch.size": size}
    return named[0], about


def _fetch(name: bytes, keys: Any) -> Named:
    return _batch(name, keys)


def _store(name: bytes, values: Any) -> Named:
    return _batch(name, values)


def _misc(cmd_name: bytes, cmds: Any) -> Named:
    return _batch(cmd_name, cmds)


def _timed(describe: Callable[..., Named]) -> Any:
    return timed("cache", describe, leaf=True)


_OTHER, _CONNECT = _operation(OTHER), _operation("connect")

ABOUT = About(
    "pymemcache",
    ">=4,<5",
    "`cache`: commands (one operation for each server that `get_many` and its like ask), connect;"
    " `Client`, `PooledClient`, `HashClient`, `RetryingClient`",
    "the pause between two attempts of a `RetryingClient`",
)

PATCHES = {
    "pymemcache.client.base": (
        Patch("Client._fetch_cmd", _timed(_fetch)),
        Patch("Client._store_cmd", _timed(_store)),
        Patch("Client._misc_cmd", _timed(_misc)),
        Patch("Client._connect", timed("cache", lambda: _CONNECT)),
    )
}
