"""Django: caches."""

KINDS = {"cache"}


def call(_):
    from django.core.cache import cache

    cache.set("a", 1)
    return cache.get("a"), cache.get_many(["a", "b"]), cache.delete("a")
