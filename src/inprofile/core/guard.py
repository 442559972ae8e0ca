"""Our own errors: counted and logged at a bounded rate, never raised into the app."""

import logging
import time
from types import TracebackType

LOG_INTERVAL_S = 60.0
"""At most one log line for one place in this time."""

MAX_PLACES = 256
"""Places remembered; what comes after them shares one entry."""

log = logging.getLogger("inprofile")


class Guard:
    """Shields the app from our parsing and recording.

    ``with guard:`` swallows an ``Exception`` (never a ``BaseException`` such as
    ``CancelledError`` or ``KeyboardInterrupt``), counts it in ``errors`` and logs the first
    of each minute for one place. Costs 0.1 microseconds when nothing goes wrong.
    ``lets_through`` is what a signal handler may raise anywhere, a time limit: not our error
    even where it strikes in our code.
    """

    lets_through: type[Exception] | tuple[()] = ()

    def __init__(self) -> None:
        self.errors = 0
        self.last = ""
        self._logged: dict[str, float] = {}

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception) or isinstance(error, self.lets_through):
            return False
        self.caught(error)
        return True

    def caught(self, error: Exception) -> None:
        """Count ``error`` and say it once a minute, with where it came from."""
        if isinstance(error, self.lets_through):
            raise error
        self.errors += 1
        try:
            self._say(error)
        except Exception:
            self.last = "an error that could not be described"

    def _say(self, error: Exception) -> None:
        place = _place(error)
        self.last = f"{type(error).__name__} at {place}"
        if place not in self._logged and len(self._logged) >= MAX_PLACES:
            place = "elsewhere"
        now = time.monotonic()
        if now - self._logged.get(place, -LOG_INTERVAL_S) < LOG_INTERVAL_S:
            return
        self._logged[place] = now
        log.warning(
            "inprofile could not measure something (%s); the app is unaffected. "
            "Please report it with this traceback.",
            self.last,
            exc_info=error,
        )


def _place(error: Exception) -> str:
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return "unknown"
    return f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"


guard = Guard()
