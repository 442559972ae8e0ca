"""urllib3."""

from tests.integrations.hello import hello

KINDS = {"http"}


def call(_):
    import urllib3

    with hello() as url, urllib3.PoolManager() as pool:
        return pool.request("GET", url).data
