"""urllib.request."""

from tests.integrations.hello import hello

KINDS = {"http"}


def call(_):
    from urllib.request import urlopen

    with hello() as url, urlopen(url) as response:
        return response.read()
