"""Beside Sentry: it reports what it did, and the frames that it shows besides are a library's."""

import pytest

from tests.coexistence.compared import ROUTES, routes, unlike

FIRST = ("inprofile", "ask", "-inprofile", "ask", "inprofile", "ask", "-sentry", "ask")
LAST = ("inprofile", "sentry", "ask", "-inprofile", "ask", "-sentry", "ask")


@pytest.mark.parametrize("site", ROUTES)
def test_where_sentry_was_there_before_it_reports_what_it_did(told, site):
    alone, *asks = told(site, "sentry", "ask", *FIRST)
    requests = [event["operation"][0] for event in alone["reported"] if not event["errors"]]
    assert requests == ["http.server"] * len(alone["answers"])
    off = {**alone, "reported": []}
    assert unlike(asks, [alone, alone, alone, off]) == []
    assert routes(asks) == [ROUTES[site], [], ROUTES[site], ROUTES[site]]


@pytest.mark.parametrize("site", ROUTES)
def test_where_sentry_comes_later_it_reports_what_it_did(told, site):
    """What it sees depends on what there was before it: an application, in both programs."""
    alone = told(site, "app", "sentry", "ask", "-sentry", "ask")
    asks = told(site, *LAST)
    assert unlike(asks, [alone[0], *alone]) == []
    assert routes(asks) == [ROUTES[site], [], []]
