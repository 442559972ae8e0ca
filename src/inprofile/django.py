"""The one line for Django: ``"inprofile.django.Middleware"``, anywhere in MIDDLEWARE."""

from collections.abc import Callable
from typing import Any

from inprofile.process import instrument


class Middleware:
    """Has every request of the process measured, wherever in MIDDLEWARE the line stands.

    The door is at Django's handlers, around all middlewares, so none of its own is left in
    the chain: a request pays nothing for the line. Settings come from the environment. Raises
    SettingsError for a bad one.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, _get_response: Callable[[Any], Any]) -> None:
        from django.core.exceptions import MiddlewareNotUsed

        instrument()
        raise MiddlewareNotUsed("inprofile stands around all middlewares")
