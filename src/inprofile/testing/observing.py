"""What runs while somebody looks at every trace: a recording, or a whole run of tests."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from inprofile.integrations import watching
from inprofile.integrations._patcher import Patcher
from inprofile.process import instrument, running, uninstrument
from inprofile.runtime import Observer, Runtime

_watcher = Patcher()
"""What is in place for recordings that ask for it, and for nobody else."""

_watching = 0
_watch_lock = threading.Lock()


@contextmanager
def observed(observe: Observer, *, reads: bool = False) -> Iterator[Runtime]:
    """Hand every finished trace to ``observe`` for as long as the block lasts.

    Starts to measure where nobody has, until the last such block ends. ``reads`` looks at every
    read of what was loaded with other rows meanwhile.
    """
    started = running() is None
    instrument()
    runtime = running()
    assert runtime is not None
    runtime.for_observers |= started
    runtime.observe(observe)
    if reads:
        _watch(1)
    try:
        yield runtime
    finally:
        if reads:
            _watch(-1)
        runtime.unobserve(observe)
        if not runtime.observers and runtime.for_observers and runtime is running():
            uninstrument()


def _watch(more: int) -> None:
    """Put what sees reads in place for the first who asks for it, and out after the last."""
    global _watching  # recordings may overlap
    with _watch_lock:
        before, _watching = _watching, _watching + more
        if not before:
            _watcher.install(watching())
        elif not _watching:
            _watcher.remove()
