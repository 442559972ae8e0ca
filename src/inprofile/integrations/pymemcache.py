"""pymemcache: every command of every client passes one of three methods, and a connect.

An operation is named by its command and nothing else: keys and values stay out.
"""

import re
from collections.abc import Callable, Sized
from functools import lru_cache
from types import FrameType
from typing import Any

from inprofile.core.frames import Stand
from inprofile.core.model import OTHER, Attributes, Span
from inprofile.core.sites import Facts
from inprofile.integrations._about import About
from inprofile.integrations._called import called
from inprofile.integrations._key import commanded
from inprofile.integrations._patch import Named, Patch, timed

MAX_COMMAND = 64
"""A longer command is a raw one with data in it: neither kept nor shown."""

CACHED = 256
"""Commands remembered; memcached has some 40."""

COUNTABLE = frozenset({list, tuple, dict, set, frozenset, type({}.keys())})
"""What may be asked for its length; anything else is the user's own affair."""

BY_KEY = frozenset({b"delete", b"incr", b"decr", b"touch"})
"""Commands whose line is for one key."""

INSTEAD = {
    "get": "{client}.get_many(keys)",
    "gets": "{client}.gets_many(keys)",
    "delete": "{client}.delete_many(keys)",
    "incr": "{client}.get_many(keys), then {client}.set_many(values) (not atomic)",
    "decr": "{client}.get_many(keys), then {client}.set_many(values) (not atomic)",
    "touch": "{client}.set_many(values, expire), which sets when they expire as well",
}
METHODS = "get|gets|set|add|replace|append|prepend|cas|delete|incr|decr|touch"

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


def _fetch_begun(span: Span, name: bytes, keys: Any) -> None:
    if type(keys) in {list, tuple} and len(keys) == 1 and name in {b"get", b"gets"}:
        commanded(span, str(span.name), keys[0], explain=_explain)


def _store_begun(span: Span, values: Any) -> None:
    if type(values) is dict and len(values) == 1:
        commanded(span, str(span.name), next(iter(values)), explain=_explain)


def _misc_begun(span: Span, cmd_name: Any, cmds: Any) -> None:
    """Of a command's line, which begins with its name and a key."""
    if cmd_name not in BY_KEY or type(cmds) is not list or len(cmds) != 1:
        return
    words = cmds[0].split(b" ", 2) if type(cmds[0]) is bytes else ()
    if len(words) > 1:
        commanded(span, str(span.name), words[1].strip(), explain=_explain)


def _explain(span: Span, at: Stand, _frames: list[FrameType]) -> Facts:
    call = called(at, METHODS)
    client = "client" if call is None or not call.receiver else call.receiver
    fix = INSTEAD.get(str(span.name), "{client}.set_many(values)").format(client=client)
    return Facts(fix=fix)


def _timed(describe: Callable[..., Named], begun: Callable[..., None]) -> Any:
    return timed("cache", describe, leaf=True, begun=begun)


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
        Patch("Client._fetch_cmd", _timed(_fetch, _fetch_begun)),
        Patch("Client._store_cmd", _timed(_store, _store_begun)),
        Patch("Client._misc_cmd", _timed(_misc, _misc_begun)),
        Patch("Client._connect", timed("cache", lambda: _CONNECT)),
    )
}
