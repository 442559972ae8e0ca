"""gevent's hub: the loop to which a greenlet goes back where it waits."""

import sys
from collections.abc import Callable
from typing import Any

MODULE = "gevent.hub"


def here() -> Any:
    """The hub that runs this greenlet; None elsewhere, also in a thread that has an idle one."""
    kind = getattr(sys.modules[MODULE], "Hub", None)  # None while it is being loaded
    if kind is None:
        return None
    outer = sys.modules["greenlet"].getcurrent().parent
    while outer is not None and not isinstance(outer, kind):
        outer = outer.parent
    return outer


def after(hub: Any, delay_s: float, call: Callable[[], None]) -> bool:
    """Have the hub call a function later, unless it has nothing else left to do."""
    # Its clock stands still while it is held up: without the update a timer would come early.
    hub.loop.timer(delay_s, ref=False).start(call, update=True)
    return True
