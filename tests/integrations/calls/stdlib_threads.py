"""Threads and pools of them: nothing of it is timed."""

import threading
from concurrent.futures import ThreadPoolExecutor

KINDS = set[str]()


def call(_):
    found = []
    thread = threading.Thread(target=found.append, args=(1,))
    thread.start()
    thread.join()
    with ThreadPoolExecutor(1) as pool:
        found += pool.map(abs, (-2, -3))
        found.append(pool.submit(sum, [1, 2, 3]).result())
    return found
