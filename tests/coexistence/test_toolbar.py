"""Beside django-debug-toolbar: the same pages, and the same statements by the same callers."""

from importlib.util import find_spec

import pytest

from tests.coexistence.compared import DJANGO, routes, unlike

FIRST = ("inprofile", "ask", "-inprofile", "ask", "-toolbar")
LAST = ("inprofile", "toolbar", "ask", "-inprofile", "ask")


@pytest.mark.skipif(find_spec("debug_toolbar.store") is None, reason="needs django-debug-toolbar 6")
@pytest.mark.parametrize("site", ["django-wsgi", "django-asgi"])
def test_the_toolbar_shows_what_it_did(told, site):
    shown, *asks = told(site, "toolbar", "ask", *FIRST, *LAST)
    assert "djDebug" in str(shown["answers"])
    assert sum(len(page["statements"]) for page in shown["shown"]) == 4
    assert unlike(asks, [shown] * 4) == []
    assert routes(asks) == [DJANGO, [], DJANGO, []]
