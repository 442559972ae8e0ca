"""logging: what a log call costs in filters, formatters and handlers, by call site.

Wrapped after the caller has been found, so that every LogRecord stays as it is.
"""

from typing import Any

from inprofile.core.model import Location, Span
from inprofile.integrations._about import About
from inprofile.integrations._log_bytes import add_bytes
from inprofile.integrations._patch import Named, Patch, folded
from inprofile.integrations._steps import noted


def _site(record: Any) -> Named | None:
    try:
        return Location(record.pathname, record.lineno, record.funcName), None
    except AttributeError:  # no record, which logging will say itself
        return None


def _formatted(span: Span, _start_ns: int, result: Any) -> None:
    add_bytes(span, result)


ABOUT = About(
    "logging",
    "stdlib",
    "`logging`: each log call that is handled, by call site, with the bytes that were formatted",
    "calls below the logger's level; finding the caller and making the record (`handler`)",
)

PATCHES = {
    "logging": (
        Patch("Logger.handle", folded("logging", _site)),
        Patch("Handler.format", noted("logging", _formatted, folds=True)),
    )
}
