"""Whether an application's routes have something of their own at a path where we would answer."""

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any


class Claim(Enum):
    """Whose a path is."""

    FREE = "no route takes it, or only one that would take any path"
    TAKEN = "a route spells it out"
    UNKNOWN = "only asking the application tells: a page by that name, a file, a foreign app"


def starlette_claim(app: Any, scope: Mapping[str, Any]) -> Claim:
    """Whose the path of ``scope`` is among the routes of ``app``, as they match it.

    Raises what the routes raise.
    """
    return _claim(app.router.routes, scope)


def _claim(routes: Iterable[Any], scope: Mapping[str, Any]) -> Claim:
    routes = list(_flat(routes))
    other_method = None
    for route in routes:
        match, below = route.matches(dict(scope))
        if match.name == "FULL":
            return _claim_of(route, {**scope, **below})
        if match.name == "PARTIAL":
            other_method = other_method or route
    if other_method is not None and _is_spelled_out(other_method):
        return Claim.TAKEN
    with_slash = {**scope, "path": scope["path"] + "/"}  # where Starlette redirects to
    for route in routes:
        if _is_spelled_out(route) and route.matches(dict(with_slash))[0].value:
            return Claim.UNKNOWN
    return Claim.FREE


def _flat(routes: Iterable[Any]) -> Iterator[Any]:
    """The routes with those of included routers, which FastAPI keeps apart since 0.137."""
    for route in routes:
        contexts = getattr(route, "effective_route_contexts", None)
        if contexts is None:
            yield route
        else:
            yield from (context.starlette_route or context for context in contexts())


def _claim_of(route: Any, scope: Mapping[str, Any]) -> Claim:
    """Whose a path is that ``route`` matches; ``scope`` is what it would hand on."""
    inner = getattr(route, "routes", None)
    if inner:
        return _claim(inner, scope)
    if not hasattr(route, "endpoint"):  # a mount, a host
        return Claim.UNKNOWN if _may_have(route.app, scope) else Claim.FREE
    if _is_spelled_out(route):
        return Claim.TAKEN
    return Claim.FREE if ":path}" in route.path else Claim.UNKNOWN


def _is_spelled_out(route: Any) -> bool:
    return "{" not in getattr(route, "path", "{")


def _may_have(app: Any, scope: Mapping[str, Any]) -> bool:
    """Whether a foreign app has the path, for all we know. Of static files we do know.

    Those of a single-page application answer with its page where there is no file.
    """
    lookup = getattr(app, "lookup_path", None)
    return lookup is None or lookup(app.get_path(scope))[1] is not None
