"""Loops that are not asyncio's: hubs of gevent and runs of trio, of which the lag alone is known.

What a request does in them is not told step by step. A hub switches where the code of the
application does not say so, and what a nursery of trio's starts is no step of its request's.
"""

import sys
import time
from collections.abc import Callable
from threading import get_ident
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from inprofile.core.event_loop import EventLoop
from inprofile.core.guard import guard
from inprofile.loop import gevent_hub, trio_run
from inprofile.loop.heartbeat import Heartbeat, Later

NEVER_NS = 1 << 62
"""A lag that makes no pause: nobody looks what such a loop does."""


class Kind(NamedTuple):
    """How the loop that runs in this thread is found, and has something called later.

    Neither is asked before the application has loaded ``module``.
    """

    module: str
    name: str
    here: Callable[[], Any]
    after: Later


KINDS = (
    Kind(gevent_hub.MODULE, "gevent", gevent_hub.here, gevent_hub.after),
    Kind(trio_run.MODULE, "trio", trio_run.here, trio_run.after),
)


class Others:
    """Measures the lag of each such loop from the first request in it.

    ``lagged`` is given the name of its kind and each lag in nanoseconds.
    """

    def __init__(
        self,
        lagged: Callable[[str, int], None],
        clock: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._lagged = lagged
        self._clock = clock
        self._beats: WeakKeyDictionary[Any, Heartbeat] = WeakKeyDictionary()

    def look(self) -> None:
        """Take in the loop that runs in this thread. Costs 0.1 microseconds where there is none."""
        modules = sys.modules
        for kind in KINDS:
            if kind[0] in modules:
                self._look(kind)

    def _look(self, kind: Kind) -> None:
        loop = kind.here()
        if loop is not None:
            with guard:
                if loop in self._beats:
                    self._beats[loop].known.used()
                else:
                    self._begin(kind, loop)

    def _begin(self, kind: Kind, loop: Any) -> None:
        known = EventLoop(loop, get_ident(), NEVER_NS, self._clock)
        self._beats[loop] = beat = Heartbeat(
            known, lambda lag_ns: self._lagged(kind.name, lag_ns), self._clock, kind.after
        )
        known.woken = beat.hurry
        beat.start()

    def stop(self) -> None:
        """Measure none of them any more, until there is a request in it again."""
        for beat in list(self._beats.values()):
            beat.stop()
        self._beats.clear()
