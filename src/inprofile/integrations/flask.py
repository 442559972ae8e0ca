"""Flask: routing, views, the functions around a request by name, bodies and streams."""

import sys
from collections.abc import Callable, Iterable
from functools import cache, partial, wraps
from typing import Any

from inprofile.core.guard import guard
from inprofile.core.model import Span
from inprofile.core.recorder import close_span, current, open_span, recording, shift
from inprofile.integrations._about import About
from inprofile.integrations._patch import Named, Patch, qualified, timed
from inprofile.integrations._reading import both, fronting
from inprofile.integrations._signature import Function

Application = Callable[[Any, Any], Iterable[bytes]]

BEFORE = "(before request)"
AFTER = "(after request)"
TEARDOWN = "(teardown)"
ERROR = "(error handler)"
PHASES = frozenset({BEFORE, AFTER, TEARDOWN, ERROR})
"""Spans of Flask's own loops over functions of the user's, each of which is a span below."""


class Doors:
    """The Flask applications that have a door, which their class asks for.

    Nothing is written onto them, and the door stands outside of whatever is put around an
    application's ``wsgi_app``. ``arrived`` is told of one without a door that is called with
    an environ, and may add it.
    """

    def __init__(self) -> None:
        self._doors: dict[int, tuple[Any, Application]] = {}
        self._call: Function = _unpatched
        self.arrived: Callable[[Any, Any], None] | None = None

    @property
    def patches(self) -> dict[str, tuple[Patch, ...]]:
        """What makes the class ask."""
        return {"flask": (Patch("Flask.__call__", self._calling),)}

    def takes(self, app: Any) -> bool:
        """Whether ``app`` is a Flask application."""
        flask = sys.modules.get("flask")
        return flask is not None and isinstance(app, flask.Flask)

    def add(self, app: Any, door: Callable[[Application], Application]) -> None:
        """Put ``door`` around ``app``, once."""
        if id(app) not in self._doors:
            self._doors[id(app)] = app, door(lambda *wsgi: self._call(app, *wsgi))

    def remove(self, app: Any = None) -> None:
        """Take the door away, or with None every one; requests under way finish as they began."""
        for one, _ in [found for found in self._doors.values() if app is None or found[0] is app]:
            del self._doors[id(one)]

    def _calling(self, original: Function) -> Function:
        self._call = original
        ours, doors = self, self._doors

        @wraps(original)
        def call(self: Any, environ: Any, start_response: Any) -> Any:
            found = doors.get(id(self))
            if found is None and ours.arrived is not None:
                with guard:
                    ours.arrived(self, environ)
                found = doors.get(id(self))
            if found is None:
                return original(self, environ, start_response)
            return found[1](environ, start_response)

        return call


def _unpatched(*_: Any) -> Any:
    raise RuntimeError("Flask is not patched")


def _match(original: Function) -> Function:
    """Routing, and the rule that it led to."""

    @wraps(original)
    def match_request(self: Any) -> Any:
        parent = recording()
        if parent is None:
            return original(self)
        trace = parent.trace
        start_ns = trace.clock()
        try:
            return original(self)
        finally:
            shift(parent, "routing", trace.clock() - start_ns)
            with guard:
                rule = self.request.url_rule
                if rule is not None:
                    trace.route = trace.prefix + rule.rule

    return match_request


@cache
def _request() -> Any:
    """Flask's proxy of the request, imported once."""
    from flask.globals import request

    return request


def _view(self: Any) -> Named | None:
    """Names dispatch_request by the view that it will call, if there is one."""
    parent = current.get()
    if parent is not None:
        parent.trace.root.kind = "other"  # the handler is known from here on
    asked = _request()._get_current_object()  # noqa: SLF001 - Werkzeug documents it
    rule = asked.url_rule
    if rule is None or asked.routing_exception is not None:
        return None
    if asked.method == "OPTIONS" and getattr(rule, "provide_automatic_options", False):
        return None
    view = self.view_functions[rule.endpoint]
    return qualified(getattr(view, "view_class", view)), None


def _before(self: Any) -> Named | None:
    return (BEFORE, None) if self.before_request_funcs or self.url_value_preprocessors else None


def _teardown(self: Any) -> Named | None:
    return (TEARDOWN, None) if self.teardown_request_funcs else None


def _teardown_app(self: Any) -> Named | None:
    return (TEARDOWN, None) if self.teardown_appcontext_funcs else None


def _ensure_sync(original: Function) -> Function:
    """Flask passes each function that it is about to call through here."""

    @wraps(original)
    def ensure_sync(self: Any, func: Any) -> Any:
        call = original(self, func)
        phase = recording()
        if phase is None or phase.name not in PHASES:
            return call
        return partial(_called, phase, qualified(func), call)

    return ensure_sync


def _called(phase: Span, name: str, call: Function, *args: Any, **kwargs: Any) -> Any:
    if phase.trace.finished:
        return call(*args, **kwargs)
    span = open_span(phase, phase.kind, name)
    try:
        return call(*args, **kwargs)
    except BaseException as error:
        span.error = type(error).__name__
        raise
    finally:
        close_span(span)


def _streamed(original: Function) -> Function:
    """A body that is made while it is sent is the user's own iterator."""

    @wraps(original)
    def call(self: Any, environ: Any, start_response: Any) -> Any:
        result = original(self, environ, start_response)
        parent = recording()
        if parent is not None and parent.parent is None:
            with guard:
                if not isinstance(self.response, list | tuple) and not self.direct_passthrough:
                    trace = parent.trace
                    trace.endpoint = Span(trace, parent, "handler", "stream", None, trace.clock())
        return result

    return call


def _unread(self: Any) -> Named | None:
    return None if "_cached_data" in vars(self) else ("read body", None)


def _unparsed_json(self: Any) -> Named | None:
    return None if "_cached_json" in vars(self) else ("parse JSON body", None)


def _unparsed_form(self: Any) -> Named | None:
    if "form" in vars(self) or not self.environ.get("CONTENT_TYPE"):
        return None
    return "parse form body", None


_jsonify = timed("serialization", "jsonify", leaf=True)
_error = timed("handler", ERROR)

ABOUT = About(
    "Flask",
    ">=2.2",
    "`routing`, `middleware` (the functions before and after a request and at its teardown, each"
    " by name), `handler` (views, error handlers and streams), `validation` and `receive` of JSON"
    " and form bodies, `serialization` (jsonify), `send`",
    "WSGI middleware around `wsgi_app` (`other`); what runs when a response is closed",
)

PATCHES = {
    "flask.ctx": (Patch("RequestContext.match_request", _match),),
    "flask.app": (
        Patch("Flask.dispatch_request", both(fronting, timed("handler", _view))),
        Patch("Flask.preprocess_request", timed("middleware", _before)),
        Patch("Flask.process_response", timed("middleware", AFTER)),
        Patch("Flask.do_teardown_request", timed("middleware", _teardown)),
        Patch("Flask.do_teardown_appcontext", timed("middleware", _teardown_app)),
        Patch("Flask.handle_user_exception", _error),
        Patch("Flask.handle_exception", _error),
        Patch("Flask.ensure_sync", _ensure_sync),
    ),
    "flask.json.provider": (
        Patch("JSONProvider.response", _jsonify),
        Patch("DefaultJSONProvider.response", _jsonify),
    ),
    "werkzeug.wrappers.request": (
        Patch("Request.get_data", timed("receive", _unread, leaf=True)),
        Patch("Request.get_json", timed("validation", _unparsed_json, leaf=True)),
        Patch("Request._load_form_data", timed("validation", _unparsed_form, leaf=True)),
    ),
    "werkzeug.wrappers.response": (Patch("Response.__call__", _streamed),),
}
