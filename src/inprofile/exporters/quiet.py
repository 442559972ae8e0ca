"""Keeps what an exporter logs in a thread of ours out of the log: we say it, once."""

import logging
import sys
import threading

PACKAGE = "opentelemetry.exporter"

MOST_CHARACTERS = 200


class Quiet:
    """A filter of loggers' warnings and errors; those of other threads pass.

    Made by the thread that is to be quiet. ``latest`` is what it said last.
    """

    def __init__(self) -> None:
        self.latest = ""
        self._thread = threading.get_ident()
        self._loggers: list[logging.Logger] = []

    def hush(self, module: str) -> None:
        """Keep quiet what is logged by the modules of exporters, and by ``module``."""
        names = {name for name in sys.modules if f"{name}.".startswith(f"{PACKAGE}.")}
        for name in names | {module}:
            of = logging.getLogger(name)
            of.addFilter(self)
            self._loggers.append(of)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record may pass."""
        if record.thread != self._thread or record.levelno < logging.WARNING:
            return True
        self.latest = record.getMessage()[:MOST_CHARACTERS]
        return False

    def lift(self) -> None:
        """Let everything pass again."""
        for of in self._loggers:
            of.removeFilter(self)
        self._loggers.clear()
