"""Django's caches: each operation, whatever the backend."""

import sys
from collections.abc import Callable
from functools import lru_cache
from types import FrameType
from typing import Any

from inprofile.core.frames import Stand
from inprofile.core.model import Span
from inprofile.core.sites import Facts
from inprofile.integrations._about import About
from inprofile.integrations._called import called
from inprofile.integrations._key import commanded
from inprofile.integrations._patch import Named, Patch, timed

SYSTEMS = {"RedisCache": "redis", "PyMemcacheCache": "memcached", "PyLibMCCache": "memcached"}
"""OpenTelemetry's db.system.name by backend; the others have none and are called as they are."""

OPERATIONS = (
    "add",
    "get",
    "set",
    "touch",
    "delete",
    "has_key",
    "incr",
    "clear",
    "get_many",
    "set_many",
    "delete_many",
)
BY_KEY = ("add", "get", "set", "touch", "delete", "has_key", "incr")
"""Those that are for one key."""

BASE = "django.core.cache.backends.base"

INSTEAD = {
    "get": "{cache}.get_many(keys)",
    "get_many": "{cache}.get_many(keys)",
    "set_many": "{cache}.set_many(values)",
    "delete_many": "{cache}.delete_many(keys)",
    "has_key": "{cache}.get_many(keys)",
    "set": "{cache}.set_many(values)",
    "add": "{cache}.set_many(values), or {cache}.get_many(keys) first to see which are there",
    "delete": "{cache}.delete_many(keys)",
    "touch": "{cache}.set_many(values, timeout), which sets when they expire as well",
    "incr": "{cache}.get_many(keys), then {cache}.set_many(values) (not atomic)",
    "get_or_set": "{cache}.get_many(keys), then {cache}.set_many(values) of those that are missing",
}
"""What serves all keys at once, by what the application calls."""

METHODS = (
    "a?(?:get_or_set|get_many|set_many|delete_many|get|set|add|delete|touch|incr|decr|has_key)"
)

COUNTABLE = frozenset({list, tuple, set, frozenset, dict})
"""What may be asked for its only key; anything else is the user's own affair."""

LOCAL = frozenset({"LocMemCache", "DummyCache"})
"""Backends that ask nobody: one key after the other costs what all at once cost."""

BACKENDS = {
    "base": "BaseCache",
    "db": "DatabaseCache",
    "dummy": "DummyCache",
    "filebased": "FileBasedCache",
    "locmem": "LocMemCache",
    "memcached": "BaseMemcachedCache",
    "redis": "RedisCache",
}


@lru_cache(256)
def _named(backend: str, operation: str) -> Named:
    system = SYSTEMS.get(backend, backend)
    return f"{operation} {backend}", {"db.system.name": system, "db.operation.name": operation}


def _is_local(backend: Any) -> bool:
    return any(
        one.__name__ in LOCAL and one.__module__.startswith("django.")
        for one in type(backend).__mro__
    )


def _explain(span: Span, at: Stand, _frames: list[FrameType]) -> Facts:
    call = called(at, METHODS)
    operation = str((span.attributes or {}).get("db.operation.name", ""))
    if call is not None and call.method.endswith("get_or_set"):
        operation = "get_or_set"
    name = "cache" if call is None or not call.receiver else call.receiver
    fix = INSTEAD.get(operation, "").format(cache=name)
    if call is not None and call.method.startswith("a") and call.method != "add":
        fix = fix.replace(f"{name}.", f"await {name}.a")
    return Facts(fix=fix)


def _begun(operation: str) -> Callable[..., None]:
    def begun(span: Span, self: Any, key: Any) -> None:
        if not _is_local(self):
            commanded(span, operation, key, explain=_explain)

    def begun_of_two(span: Span, self: Any, key: Any) -> None:
        """``get_or_set`` gets, adds what is missing and gets again: of one key that is one."""
        if _is_local(self):
            return
        caller = sys._getframe(2)  # noqa: SLF001 - of the wrapper
        if caller.f_code.co_name == "get_or_set" and _is_second(caller):
            return
        commanded(span, operation, key, explain=_explain)

    return begun_of_two if operation in {"get", "add"} else begun


def _begun_many(span: Span, self: Any, keys: Any) -> None:
    """Note a batch of one: again and again it saves nothing."""
    if type(keys) in COUNTABLE and len(keys) == 1 and not _is_local(self):
        operation = str((span.attributes or {}).get("db.operation.name", ""))
        commanded(span, operation, next(iter(keys)), explain=_explain)


def _begun_set_many(span: Span, self: Any, data: Any) -> None:
    if type(data) is dict and len(data) == 1 and not _is_local(self):
        commanded(span, "set_many", next(iter(data)), explain=_explain)


def _is_second(frame: FrameType) -> bool:
    """Whether ``get_or_set`` has its first answer already."""
    return frame.f_globals.get("__name__") == BASE and "val" in frame.f_locals


def _operation(operation: str) -> Callable[..., Named]:
    return lambda self: _named(type(self).__name__, operation)


BY_KEYS = {
    "get_many": _begun_many,
    "set_many": _begun_set_many,
    "delete_many": _begun_many,
}

_TIMED = {
    name: timed(
        "cache",
        _operation(name),
        leaf=True,
        begun=_begun(name) if name in BY_KEY else BY_KEYS.get(name),
        waits=False,  # a cache in memory does not
    )
    for name in OPERATIONS
}

ABOUT = About(
    "Django: caches",
    ">=5.2",
    "`cache`: get, set, add, delete, incr, their many-key forms and the others, by backend",
    "backends of others that do not call the base class",
)

PATCHES = {
    f"django.core.cache.backends.{module}": tuple(
        Patch(f"{backend}.{name}", _TIMED[name]) for name in OPERATIONS
    )
    for module, backend in BACKENDS.items()
}
