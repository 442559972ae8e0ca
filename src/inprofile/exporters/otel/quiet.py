"""Keeps what an exporter logs while it works for us out of the log: we say it, once."""

import logging
import sys
import threading
from types import TracebackType

PACKAGE = "opentelemetry.exporter"

MOST_CHARACTERS = 200


class Quiet:
    """A filter of loggers' warnings and errors, in a thread that is ``with`` it; others pass.

    ``latest`` is what was kept back last.
    """

    def __init__(self) -> None:
        self.latest = ""
        self._here = threading.local()
        self._loggers: list[logging.Logger] = []

    def hush(self, module: str) -> None:
        """Keep quiet what is logged by the modules of exporters, and by ``module``."""
        names = {name for name in sys.modules if f"{name}.".startswith(f"{PACKAGE}.")}
        for name in names | {module}:
            of = logging.getLogger(name)
            of.addFilter(self)
            self._loggers.append(of)

    def __enter__(self) -> None:
        self._here.now = True
        self.latest = ""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._here.now = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record may pass."""
        if not getattr(self._here, "now", False) or record.levelno < logging.WARNING:
            return True
        self.latest = record.getMessage()[:MOST_CHARACTERS]
        return False

    def lift(self) -> None:
        """Let everything pass again."""
        for of in self._loggers:
            of.removeFilter(self)
        self._loggers.clear()
