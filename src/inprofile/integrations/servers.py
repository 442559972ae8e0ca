"""uvicorn and gunicorn: the application that they have loaded, whatever it was written with."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from inprofile.core.guard import guard
from inprofile.integrations._patch import Patch
from inprofile.integrations._signature import Function

ITS_OWN = ("uvicorn.middleware.", "a2wsgi.")
"""What uvicorn puts around the application, which is in it as ``app``."""


class Servers:
    """Hands each application that a server has loaded to ``fit``, and serves what that returns.

    An application that ``fit`` refuses is served as it is.
    """

    def __init__(self, fit: Callable[[Any], Any]) -> None:
        self._fit = fit

    @property
    def patches(self) -> dict[str, tuple[Patch, ...]]:
        """What makes the servers ask."""
        return {
            "uvicorn.config": (Patch("Config.load", self._load),),
            "gunicorn.app.base": (Patch("BaseApplication.wsgi", self._wsgi),),
        }

    def _load(self, original: Function) -> Function:
        @wraps(original)
        def load(self_: Any) -> None:
            original(self_)
            with guard:
                holder, attribute, app = self_, "loaded_app", self_.loaded_app
                while type(app).__module__.startswith(ITS_OWN):
                    holder, attribute, app = app, "app", app.app
                setattr(holder, attribute, self._fitted(app))

        return load

    def _wsgi(self, original: Function) -> Function:
        @wraps(original)
        def wsgi(self_: Any) -> Any:
            app = original(self_)
            with guard:
                self_.callable = app = self._fitted(app)
            return app

        return wsgi

    def _fitted(self, app: Any) -> Any:
        try:
            return self._fit(app)
        except TypeError:  # ASGI 2, or nothing that can be called: the server knows
            return app
