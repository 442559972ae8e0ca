"""Django's caches: each operation, whatever the backend."""

from collections.abc import Callable
from functools import lru_cache

from inprofile.integrations._about import About
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


def _operation(operation: str) -> Callable[..., Named]:
    return lambda self: _named(type(self).__name__, operation)


_TIMED = {name: timed("cache", _operation(name), leaf=True) for name in OPERATIONS}

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
