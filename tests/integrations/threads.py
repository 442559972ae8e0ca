"""Work that a trace hands to threads."""

import threading
from contextvars import copy_context


def in_threads(function, *calls):
    """Call ``function`` with each of ``calls``, in threads at once that carry this context."""
    threads = [
        threading.Thread(target=copy_context().run, args=(function, *call)) for call in calls
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
