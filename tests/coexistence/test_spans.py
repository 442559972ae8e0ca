"""Our traces as spans beside other tools': one server span for a request, no operation twice."""

from importlib.util import find_spec
from itertools import islice

import pytest

from tests.coexistence.compared import ROUTES
from tests.coexistence.test_contrib import LIBRARIES, is_there

SITES = ("flask", "django-wsgi", "django-asgi", "fastapi")

needs_contrib = pytest.mark.skipif(
    not all(map(is_there, ("django", "flask", "fastapi"))), reason="needs contrib's instrumentors"
)

ORDERS = {
    "us alone": ("us", "ask", "-us"),
    "contrib first": ("on", "us", "ask", "ask", "-us", "off"),
    "we first": ("us", "on", "ask", "ask", "off", "-us"),
    "the framework's alone": ("framework", "us", "ask", "-us", "-framework"),
    "the libraries' alone": ("libraries", "us", "ask", "ask", "ask", "-us", "-libraries"),
}


def written(site, steps, us):
    framework = f"contrib-{site.partition('-')[0]}"
    libraries = [f"contrib-{name}" for name in ("sqlalchemy", "httpx")]
    if site != "fastapi":
        libraries = LIBRARIES
    means = {
        "us": [us],
        "-us": [f"-{us}"],
        "framework": [framework],
        "-framework": [f"-{framework}"],
        "libraries": libraries,
        "-libraries": [f"-{name}" for name in reversed(libraries)],
    }
    means["on"] = means["framework"] + means["libraries"]
    means["off"] = means["-libraries"] + means["-framework"]
    return [each for step in steps for each in means.get(step, [step])]


@pytest.fixture(scope="module")
def found(told):
    """A function: what each ``ask`` finds of a site, with us in one way, by the order."""
    known: dict = {}

    def find(site, us):
        if (site, us) not in known:
            steps = [step for order in ORDERS.values() for step in ("app", *order)]
            asks = iter(told(site, "provider", *written(site, steps, us)))
            known[site, us] = {
                name: list(islice(asks, order.count("ask"))) for name, order in ORDERS.items()
            }
        return known[site, us]

    return find


def servers(ask):
    return [span for span in ask["spans"] if span["kind"] in {"SERVER", "CONSUMER"}]


def check(ask, site):
    requests = [route for route in ROUTES[site] if "background" not in route[0]]
    assert ask["errors"] == 0
    assert [span["in the caller's trace"] for span in servers(ask)] == [
        True,
        *[False] * (len(requests) - 1),
    ]
    assert servers(ask)[0]["parent"] == "the caller's"
    assert ask["doubles"] == []
    assert ask["lost"] == []
    assert "None," not in str(ask["answers"])  # who was called from a span that nobody exports


@needs_contrib
@pytest.mark.parametrize(
    ("site", "us"),
    [*((site, "spans") for site in SITES), ("flask", "strict"), ("fastapi", "strict")],
)
@pytest.mark.parametrize("order", ORDERS)
def test_each_request_has_one_server_span_and_each_operation_one(found, site, us, order):
    for ask in found(site, us)[order]:
        check(ask, site)


@pytest.mark.skipif(find_spec("logfire") is None, reason="needs Logfire")
@pytest.mark.parametrize("steps", [("logfire", "spans"), ("spans", "logfire")], ids=" then ".join)
def test_beside_logfire_too(told, steps):
    again = ("-spans", "strict", "ask", "contrib-httpx", "ask")
    for ask in told("fastapi", "app", *steps, *["ask"] * 5, *again):
        check(ask, "fastapi")


@pytest.mark.parametrize("site", ["flask", "django-asgi", "fastapi"])
def test_beside_sentry_too(told, site):
    for ask in told(site, "provider", "app", "spans", "sentry", "ask", "-spans", "strict", "ask"):
        check(ask, site)
