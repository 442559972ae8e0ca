"""loguru: what a log call costs in patchers, formats and sinks, by call site."""

import sys
from functools import wraps
from typing import Any

from inprofile.core.model import Location, Span
from inprofile.integrations._about import About
from inprofile.integrations._log_bytes import add_bytes
from inprofile.integrations._patch import Named, Patch, folded
from inprofile.integrations._signature import Function
from inprofile.integrations._site import Sites
from inprofile.integrations._steps import noted

OUR_FRAMES = 2
"""loguru counts the frames up to its caller, and these are of ours."""

_at = Sites(lambda location: (location, None)).at
_UNKNOWN = Location("<unknown>", 0, "<unknown>"), None


def _log(original: Function) -> Function:
    @wraps(original)
    def deeper(
        self: Any,
        level: Any,
        from_decorator: Any,
        options: Any,
        message: Any,
        args: Any,
        kwargs: Any,
    ) -> None:
        options = (options[0], options[1] + OUR_FRAMES, *options[2:])
        original(self, level, from_decorator, options, message, args, kwargs)

    return wraps(original)(_timed(deeper))


def _site(self: Any, level: Any, options: Any) -> Named | None:
    """Names Logger._log, but for what it drops for its level or its module."""
    core = self._core
    try:
        number = core.levels_lookup[level][2]
    except (KeyError, TypeError):  # one that is seen for the first time, or is none
        number = level if isinstance(level, int) else core.min_level
    if number < core.min_level or not core.handlers:
        return None
    try:
        frame = sys._getframe(options[1] + 3)  # noqa: SLF001 - this, the wrapper, loguru's method
    except ValueError:
        return _UNKNOWN
    module = frame.f_globals.get("__name__")
    enabled = core.enabled.get(module)
    return _at(frame) if enabled or (enabled is None and _is_enabled(core, module)) else None


def _is_enabled(core: Any, module: Any) -> bool:
    """Whether the logger is enabled for a new module, in the way in which loguru finds out."""
    if module is None:
        return bool(core.activation_none)
    for prefix, status in core.activation_list:
        if f"{module}.".startswith(prefix):
            return bool(status)
    return True


def _written(span: Span, _start_ns: int, _result: Any, message: Any) -> None:
    add_bytes(span, message)


_timed = folded("logging", _site)
_write = noted("logging", _written, folds=True)

ABOUT = About(
    "loguru",
    ">=0.7.3",
    "`logging`: each log call with its patchers, formats and sinks, by call site, with the bytes"
    " that were written",
    "calls below the level of every sink; what is written later (`enqueue=True`, coroutines)",
)

PATCHES = {
    "loguru._logger": (Patch("Logger._log", _log),),
    "loguru._simple_sinks": (
        Patch("StreamSink.write", _write),
        Patch("CallableSink.write", _write),
    ),
    "loguru._file_sink": (Patch("FileSink.write", _write),),
}
