"""requests."""

from tests.integrations.hello import hello

KINDS = {"http"}


def call(_):
    import requests

    with hello() as url:
        return requests.get(url, timeout=5).text
