"""A run of trio: the loop that ``trio.run`` is, known by its token."""

import sys
from collections.abc import Callable
from contextvars import Context
from typing import Any

MODULE = "trio.lowlevel"
NAME = "inprofile heartbeat"


def here() -> Any:
    """The token of the run in this thread; None elsewhere, and where its time is not the real one.

    Asks what trio tells by way of sniffio: trio itself answers those who are in no run in a
    microsecond, and HTTP clients load it into applications that never are.
    """
    told = getattr(sys.modules.get("sniffio"), "thread_local", None)
    if told is None or told.name != "trio" or _is_mocked():
        return None
    return sys.modules[MODULE].current_trio_token()


def _is_mocked() -> bool:
    """Whether a test makes up the time, which would go on by itself for a timer of ours."""
    made_up = getattr(sys.modules.get("trio.testing"), "MockClock", None)
    return made_up is not None and isinstance(sys.modules[MODULE].current_clock(), made_up)


def after(_token: Any, delay_s: float, call: Callable[[], None]) -> bool:
    """Have the run in this thread call a function later, unless it has ended by then."""
    trio = sys.modules["trio"]

    async def wait() -> None:
        await trio.sleep(delay_s)
        call()

    trio.lowlevel.spawn_system_task(wait, name=NAME, context=Context())
    return True
