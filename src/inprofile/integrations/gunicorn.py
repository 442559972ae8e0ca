"""gunicorn: how many threads a worker of its class gthread answers requests with."""

from functools import wraps
from typing import Any

from inprofile.core.guard import guard
from inprofile.core.threads import threads
from inprofile.integrations._about import About
from inprofile.integrations._patch import Patch
from inprofile.integrations._signature import Function


def _run(original: Function) -> Function:
    """For the life of a worker, which begins once it has loaded the application."""

    @wraps(original)
    def run(self: Any) -> Any:
        with guard:
            threads.available = int(self.cfg.threads)
        return original(self)

    return run


ABOUT = About(
    "gunicorn",
    ">=23",
    "nothing: how many threads a worker of class gthread has, for `inprofile_threads_max` and"
    " `inprofile_threads_busy`",
    "requests that wait for a thread, but for what `queue` says of them",
)

PATCHES = {"gunicorn.workers.gthread": (Patch("ThreadWorker.run", _run),)}
