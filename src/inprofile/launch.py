"""Launch: what makes a process that was started by a launcher measure itself.

The standard library alone, and of that next to nothing: this runs at the start of every Python
program below the launcher, most of which have nothing to measure. So nothing else is loaded
before the program loads a framework, a server or inprofile itself. Costs a twentieth of a
microsecond for each module that is imported until then.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

AWAITED = frozenset(
    {
        "celery.app.base",
        "django.core.handlers.base",
        "flask",
        "gunicorn.app.base",
        "starlette.applications",
        "uvicorn.config",
    }
)
"""Modules that no program is without that has work to measure: those of the applications."""


class Waiting:
    """The first of Python's finders: finds nothing, and begins when an awaited module is asked for.

    ``defaults`` are what ``inprofile.runtime.launch`` takes.
    """

    def __init__(self, defaults: "dict[str, object]") -> None:
        self.defaults = defaults

    def find_spec(
        self,
        name: str,
        path: "Sequence[str] | None" = None,
        target: "ModuleType | None" = None,
    ) -> "ModuleSpec | None":
        """Leave it to the other finders, and to those that have come by what has begun.

        Python goes on after us and would not ask those.
        """
        if name not in AWAITED:
            return None
        begin()
        found = (each.find_spec(name, path, target) for each in tuple(sys.meta_path))
        return next(filter(None, found), None)


def arm(**defaults: object) -> None:
    """Measure this process from when it turns out to have something to measure. Never raises."""
    sys.meta_path.insert(0, Waiting(defaults))
    if not AWAITED.isdisjoint(sys.modules):
        begin()


def begin() -> None:
    """Measure from now on, if that was waited for. Never raises."""
    for each in tuple(sys.meta_path):
        if isinstance(each, Waiting):
            _begin(each)


def _begin(waiting: Waiting) -> None:
    try:
        sys.meta_path.remove(waiting)
    except ValueError:
        return  # another thread was faster
    try:
        from inprofile.runtime import launch

        launch(**waiting.defaults)
    except Exception:
        import logging

        logging.getLogger("inprofile").warning(
            "inprofile cannot measure this process, which goes on as without it", exc_info=True
        )
