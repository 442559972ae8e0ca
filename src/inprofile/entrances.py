"""Entrances: a door for every kind of application, each where it disturbs the least."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from inprofile.core.recorder import Recorder, recording
from inprofile.doors import asgi, wsgi
from inprofile.doors.protocol import is_wsgi
from inprofile.exporters.serving.answer import Exposition
from inprofile.exporters.serving.claim import Claim, starlette_claim
from inprofile.exporters.serving.django_claim import django_claim
from inprofile.exporters.serving.endpoint import Endpoint
from inprofile.exporters.serving.flask_claim import flask_claim
from inprofile.exporters.serving.wsgi_endpoint import WsgiEndpoint
from inprofile.integrations import celery_tasks, django_handlers, flask, servers, starlette
from inprofile.integrations._patch import Patch

DOORS = (asgi.Door, wsgi.Door)
REQUESTS = frozenset({"http", "websocket"})


class Entrances:
    """Where work enters the applications of this process.

    ``recorder`` begins the traces; ``path`` is where ``exposition`` is served, empty for nowhere;
    ``parting`` is called when an application has shut down.
    """

    def __init__(
        self,
        recorder: Recorder,
        path: str,
        exposition: Exposition,
        parting: Callable[[], None],
    ) -> None:
        self._recorder = recorder
        self._path = path
        self._exposition = exposition
        self._parting = parting
        self._starlette = starlette.Doors()
        self._flask = flask.Doors()
        self._django = django_handlers.Handlers(
            recorder,
            asgi=lambda app: self._asgi_door(app, lambda scope: django_claim(scope["path"])),
            wsgi=lambda app: self._wsgi_door(app, lambda asked: django_claim(asked["PATH_INFO"])),
        )
        self._servers: servers.Servers | None = None
        self._left: list[Any] = []

    @property
    def patches(self) -> dict[str, tuple[Patch, ...]]:
        """What makes the classes of applications ask, and servers where all are welcome."""
        found = {**self._starlette.patches, **self._flask.patches, **self._django.patches}
        return found if self._servers is None else {**found, **self._servers.patches}

    def welcome(self) -> None:
        """From now on every application that is called gets a door, without being named.

        Those inside of another one's request belong to that, and those that were left stay so.
        """
        self._starlette.arrived = self._flask.arrived = self._arrived
        self._servers = servers.Servers(self.fit)

    def fit(self, app: Any) -> Any:
        """Put a door around ``app``, once; returns what is to be called in its place.

        Raises TypeError when it is no application.
        """
        self._left = [one for one in self._left if one is not app]
        if isinstance(app, DOORS) or self._django.takes(app) or celery_tasks.takes(app):
            return app  # the doors of those are in their classes
        if hasattr(app, "build_middleware_stack"):
            whose = partial(starlette_claim, app)
            self._starlette.add(app, lambda call: self._asgi_door(call, whose))
            return app
        if self._flask.takes(app):
            whose = partial(flask_claim, app)
            self._flask.add(app, lambda call: self._wsgi_door(call, whose))
            return app
        return self._wsgi_door(app, None) if is_wsgi(app) else self._asgi_door(app, None)

    def leave(self, app: Any) -> Any:
        """Take the door off ``app``, with None off every one; returns what is to be called."""
        if isinstance(app, DOORS):
            return app.app
        self._starlette.remove(app)
        self._flask.remove(app)
        if app is None:
            self._starlette.arrived = self._flask.arrived = None
        else:
            self._left.append(app)
        return app

    def _arrived(self, app: Any, request: Mapping[str, Any]) -> None:
        """Fit ``app`` at its first call, with an ASGI scope or a WSGI environ."""
        if asgi.MARK in request or wsgi.MARK in request:
            return
        inside = recording()
        if inside is not None and inside.trace.door in REQUESTS:
            return
        if not any(app is one for one in self._left):
            self.fit(app)

    def _asgi_door(self, app: Any, whose: Callable[[Any], Claim] | None) -> asgi.Door:
        endpoint = Endpoint(self._exposition, whose) if self._path else None
        return asgi.Door(app, self._recorder, endpoint, self._path, self._parting)

    def _wsgi_door(self, app: Any, whose: Callable[[Any], Claim] | None) -> wsgi.Door:
        endpoint = WsgiEndpoint(self._exposition, whose) if self._path else None
        return wsgi.Door(app, self._recorder, endpoint, self._path)
