"""Where a class of the application's says which rows a framework takes: a view's, an admin's."""

from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from inprofile.core.frames import fronts
from inprofile.core.model import Location
from inprofile.integrations._declared import declared, locate

MAX_FRAMES = 250
"""Frames looked at between a row and the view that shows it."""

VIEW = ("get_queryset", "queryset", "model")
"""What says which rows a view has, the first of them before the others."""

ADMIN = ("list_select_related", "get_queryset")
"""What says which rows an admin lists; where it has none of them that belongs into its class."""


def origin(frame: FrameType | None, model: Any) -> Location | None:
    """Where the rows of ``model`` are said that are shown around ``frame``.

    None where nothing says it, or it is not known.
    """
    for _ in range(MAX_FRAMES):
        if frame is None or id(frame.f_code) in fronts:
            return None
        of = _OWNERS.get(frame.f_code.co_qualname)
        if of is not None and _is_frameworks(frame):
            return of(frame.f_locals, model)
        frame = frame.f_back
    return None


def _is_frameworks(frame: FrameType) -> bool:
    name = str(frame.f_globals.get("__name__"))
    return name.startswith(("django.", "rest_framework."))


def _rendered(names: Mapping[str, Any], model: Any) -> Location | None:
    """A response is rendered behind its view, which generic ones leave in the context."""
    context = getattr(names["self"], "context_data", None)
    return _of_view(context.get("view"), model) if type(context) is dict else None


def _dispatched(names: Mapping[str, Any], model: Any) -> Location | None:
    return _of_view(names["self"], model)


def _of_view(view: Any, model: Any) -> Location | None:
    given: Any = getattr(view, "__dict__", {})
    for kind in type(view).__mro__:
        for name in VIEW:
            if name not in vars(kind) or (what := declared(kind, name)) is None:
                continue
            value = vars(kind)[name]
            if name != "get_queryset" and (name in given or _model(value) is not model):
                return None
            return locate(what)
    return None


def _model(value: Any) -> Any:
    """The model of a queryset or manager, which nothing is asked; a model itself."""
    return value if isinstance(value, type) else getattr(value, "__dict__", {}).get("model")


def _listed(names: Mapping[str, Any], _model: Any) -> Location | None:
    admin = names["cl"].__dict__.get("model_admin")
    kinds = type(admin).__mro__
    for kind in kinds:
        for name in ADMIN:
            if name in vars(kind) and (what := declared(kind, name)) is not None:
                return locate(what)
    own = declared(kinds[0], ADMIN[0])
    return None if own is None else locate(own)


_OWNERS: dict[str, Callable[[Mapping[str, Any], Any], Location | None]] = {
    "SimpleTemplateResponse.rendered_content": _rendered,
    "View.dispatch": _dispatched,
    "APIView.dispatch": _dispatched,
    "items_for_result": _listed,
}
"""What knows the view or admin that it works for, by the name of the function."""
