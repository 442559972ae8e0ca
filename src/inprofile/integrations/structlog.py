"""structlog: what a log call costs in processors and in the logger below, by call site.

structlog looks for the caller outside of its own modules, and our frame is seen as one of them.
"""

import logging
import sys
from functools import cache
from typing import Any

from inprofile.core.model import Span
from inprofile.integrations._about import About
from inprofile.integrations._log_bytes import add_bytes
from inprofile.integrations._patch import Named, Patch, folded
from inprofile.integrations._site import Sites
from inprofile.integrations._steps import noted

SEQUENCES = frozenset({list, tuple})
"""Kinds of processors of which we may ask for the first."""

_at = Sites(lambda location: (location, None)).at


@cache
def _library() -> tuple[Any, Any, Any]:
    """What we need of structlog, which is imported in full when it is first called."""
    from structlog._log_levels import NAME_TO_LEVEL
    from structlog.contextvars import _ASYNC_CALLING_STACK
    from structlog.stdlib import filter_by_level

    return _ASYNC_CALLING_STACK, filter_by_level, NAME_TO_LEVEL


def _site(self: Any, method_name: Any) -> Named | None:
    """Names _proxy_to_logger, but for what the first processor drops for its level."""
    calling_stack, filter_by_level, levels = _library()
    processors, logger = self._processors, self._logger
    if (
        type(processors) in SEQUENCES
        and processors
        and processors[0] is filter_by_level
        and isinstance(logger, logging.Logger)
        and (
            logger.disabled
            or levels.get(method_name, logging.CRITICAL) < logger.getEffectiveLevel()
        )
    ):
        return None
    frame = calling_stack.get(sys._getframe(2))  # noqa: SLF001 - below it are this and the wrapper
    while (frame.f_globals.get("__name__") or "?").startswith("structlog."):
        if frame.f_back is None:
            break
        frame = frame.f_back
    return _at(frame)


def _processed(span: Span, _start_ns: int, result: Any, self: Any) -> None:
    """What the last processor made; the handlers of a standard logger format it once more."""
    if result and result[0] and not isinstance(self._logger, logging.Logger):
        add_bytes(span, result[0][0])


ABOUT = About(
    "structlog",
    ">=24.4",
    "`logging`: each log call with its processors and the logger below, by call site, with the"
    " bytes that were rendered",
    "calls below the level of `make_filtering_bound_logger` or `filter_by_level`",
)

PATCHES = {
    "structlog._base": (
        Patch("BoundLoggerBase._proxy_to_logger", folded("logging", _site)),
        Patch("BoundLoggerBase._process_event", noted("logging", _processed, folds=True)),
    )
}
