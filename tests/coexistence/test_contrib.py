"""Django and Flask beside OpenTelemetry's instrumentors, of frameworks, drivers and clients."""

from importlib.util import find_spec
from itertools import islice

import pytest

from tests.coexistence.compared import ROUTES, operations, routes, unlike


def is_there(name):
    try:
        return find_spec(f"opentelemetry.instrumentation.{name.replace('-', '_')}") is not None
    except ModuleNotFoundError:  # nor is the package that it would be in
        return False


LIBRARIES = [
    f"contrib-{name}"
    for name in (
        "sqlite3",
        "sqlalchemy",
        "psycopg",
        "psycopg2",
        "redis",
        "pymongo",
        "requests",
        "urllib3",
        "httpx",
        "aiohttp-client",
        "celery",
        "logging",
    )
    if is_there(name)
]

pytestmark = pytest.mark.skipif(
    not (is_there("django") and is_there("flask")), reason="needs contrib's instrumentors"
)
sites = pytest.mark.parametrize("site", ["flask", "django-wsgi", "django-asgi"])


OFF_AND_ON = ("on", "ask", "off", "ask")
ORDERS = {
    "last on, first off": ("on", "us", "ask", "-us", "ask", "off", "ask"),
    "first on, first off": ("us", "on", "ask", "-us", "ask", "off", "ask"),
    "first on, last off": ("us", "on", "ask", "off", "ask", "-us", "ask"),
    "on again above": ("us", "-us", "on", "us", "ask", "-us", "ask", "us", "ask", "-us", "off"),
    "on again below": ("us", "on", "-us", "ask", "us", "ask", "off", "-us", "ask"),
}
"""Who is put on and taken off when; what is on the one moment is off at the end of each."""


@pytest.fixture(scope="module")
def found(told):
    """A function: what is found of a site without us, and in each of the orders."""
    asks: dict = {}

    def find(site):
        if site not in asks:
            orders = ["without us", *ORDERS]
            steps = [step for name in orders for step in ("app", *ORDERS.get(name, OFF_AND_ON))]
            told_of_all = iter(told(site, "provider", *written(site, steps)))
            asks[site] = {
                name: list(islice(told_of_all, ORDERS.get(name, OFF_AND_ON).count("ask")))
                for name in orders
            }
        return asks[site]

    return find


def written(site, steps):
    """The steps as the program takes them."""
    contrib = [f"contrib-{site.partition('-')[0]}", *LIBRARIES]
    means = {
        "us": ["inprofile"],
        "-us": ["-inprofile"],
        "on": contrib,
        "off": [f"-{name}" for name in reversed(contrib)],
    }
    return [written for step in steps for written in means.get(step, [step])]


def states(steps):
    """Whether they are on, and whether we are, at each ``ask``."""
    on = us = False
    for step in steps:
        on = step == "on" if step in {"on", "off"} else on
        us = step == "us" if step in {"us", "-us"} else us
        if step == "ask":
            yield on, us


@sites
def test_alone_they_make_one_server_span_for_a_request_and_hand_its_trace_on(found, site):
    """What the test below compares with is what it should be."""
    on, off = found(site)["without us"]
    servers = [span for span in on["spans"] if span["kind"] == "SERVER"]
    assert len(servers) == len(ROUTES[site])
    assert [span["in the caller's trace"] for span in servers] == [
        True,
        *[False] * (len(servers) - 1),
    ]
    assert len(on["spans"]) > len(servers) + 2 * len(LIBRARIES)
    assert "GET, True" in str(on["answers"][0])
    assert (off["spans"], off["traces"]) == ([], [])


OPERATIONS = {
    "flask": {"db": 14, "cache": 3, "http": 5},
    "django": {"db": 16, "cache": 3, "http": 5},
}
"""What we count of the first request, whoever else is there."""


@sites
@pytest.mark.parametrize("order", ORDERS)
def test_they_see_what_they_saw_and_we_count_what_we_did(found, site, order):
    on, off = found(site)["without us"]
    asks = found(site)[order]
    when = list(states(ORDERS[order]))
    assert unlike(asks, [on if theirs else off for theirs, _ in when]) == []
    assert routes(asks) == [ROUTES[site] if ours else [] for _, ours in when]
    assert operations(asks) == [OPERATIONS[site.partition("-")[0]]] * sum(us for _, us in when)
