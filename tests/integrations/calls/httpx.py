"""httpx."""

from tests.integrations.hello import hello

KINDS = {"http"}


def call(_):
    import httpx

    with hello() as url, httpx.Client() as client:
        return client.get(url).text
