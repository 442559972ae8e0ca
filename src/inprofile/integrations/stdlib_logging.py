"""logging: what a log call costs in filters, formatters and handlers, by call site.

Wrapped after the caller has been found, so that every LogRecord stays as it is.
"""

from typing import Any

from inprofile.core.model import Location
from inprofile.integrations._patch import Named, Patch, folded


def _site(record: Any) -> Named:
    return Location(record.pathname, record.lineno, record.funcName), None


PATCHES = {"logging": (Patch("Logger.handle", folded("logging", _site)),)}
