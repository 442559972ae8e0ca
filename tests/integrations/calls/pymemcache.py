"""pymemcache."""

KINDS = {"cache"}


def call(fixture):
    from pymemcache.client.base import Client

    client = Client(fixture("memcached_address"), default_noreply=False)
    client.set("call", "1")
    try:
        return client.get("call"), client.get_many(["call", "none"])
    finally:
        client.close()
