"""What Python imports at its start below ``inprofile run``, which has this on its PYTHONPATH.

It runs in every Python program there, most of which have nothing to measure. So it stands alone
and loads nothing: the rest of inprofile comes when the program loads a framework, a server or
inprofile itself. Another ``sitecustomize``, imported without ours, is imported after it.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

HERE = os.path.dirname(os.path.abspath(__file__))

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

    ``defaults`` are what ``inprofile.process.launch`` takes. Costs a twentieth of a microsecond
    for each module that is imported until then.
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
        self.begin_inprofile()
        found = (each.find_spec(name, path, target) for each in tuple(sys.meta_path))
        return next(filter(None, found), None)

    def begin_inprofile(self) -> None:
        """Measure from now on. Never raises."""
        try:
            sys.meta_path.remove(self)
        except ValueError:
            return  # another thread was faster
        try:
            from inprofile.process import launch

            launch(**self.defaults)
        except Exception as error:
            import logging

            is_absent = isinstance(error, ModuleNotFoundError) and error.name == "inprofile"
            logging.getLogger("inprofile").warning(
                "inprofile cannot measure this process, which goes on as without it: %s (%s)",
                error,
                sys.executable,
                exc_info=None if is_absent else error,
            )


def arm(**defaults: object) -> None:
    """Measure this process from when it turns out to have something to measure. Never raises."""
    waiting = Waiting(defaults)
    sys.meta_path.insert(0, waiting)
    if not AWAITED.isdisjoint(sys.modules):
        waiting.begin_inprofile()


def _hand_on() -> None:
    """Import the next ``sitecustomize`` in our place, if there is one."""
    ours = sys.modules.pop(__name__)
    sys.path[:] = [each for each in sys.path if os.path.abspath(each) != HERE]
    try:
        import sitecustomize  # type: ignore[import-not-found]  # noqa: F401
    except ImportError as missing:
        if missing.name != __name__:
            raise
    finally:
        sys.modules.setdefault(__name__, ours)


if __name__ == "sitecustomize":
    arm()
    _hand_on()
