"""Whether Django's URL patterns have something of their own at a path where we would answer."""

from inprofile.exporters.serving.claim import Claim

ANY_PATH = ("<path:", ".*", ".+")
"""Patterns with one of these would take any path: a single-page application's, a catch-all."""


def django_claim(path: str) -> Claim:
    """Whose ``path`` is, by the project's ROOT_URLCONF.

    Raises what importing the URL patterns raises.
    """
    from django.conf import settings
    from django.urls import Resolver404, get_resolver

    try:
        route = get_resolver(settings.ROOT_URLCONF).resolve(path).route
    except Resolver404:
        return Claim.FREE
    if any(mark in route for mark in ANY_PATH):
        return Claim.FREE
    return Claim.UNKNOWN if "<" in route or "(" in route else Claim.TAKEN
