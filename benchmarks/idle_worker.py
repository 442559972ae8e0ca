"""One fresh process: a server of which nobody wants anything, after one request.

Usage: python -m benchmarks.idle_worker VARIANT LOOP
"""

import sys
import threading
import time
from contextlib import closing
from http.client import HTTPConnection

import uvicorn
from fastapi import FastAPI

from benchmarks.overhead.driver import Driver
from benchmarks.overhead.subject import Subject
from benchmarks.overhead.variants import VARIANTS
from benchmarks.process import say


def main() -> None:
    """Serve until "end"; for every other line that comes in say what was used until then."""
    variant, loop = sys.argv[1:]
    app = FastAPI()

    @app.get("/")
    async def root() -> dict[str, str]:
        return {}

    check = VARIANTS[variant].install(Subject("fastapi", lambda path: Driver(app, path), app))
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, loop=loop, log_level="warning", lifespan="off")
    )
    threading.Thread(target=_told, args=(server,), daemon=True).start()
    server.run()
    check(1)


def _told(server: uvicorn.Server) -> None:
    while not server.started:
        time.sleep(0.01)
    _, port = server.servers[0].sockets[0].getsockname()
    with closing(HTTPConnection("127.0.0.1", port)) as client:
        client.request("GET", "/")
        client.getresponse().read()
    say({"ready": True})
    for line in sys.stdin:
        if line.strip() == "end":
            break
        say({"cpu_ns": time.process_time_ns(), "at_ns": time.perf_counter_ns()})
    server.should_exit = True


if __name__ == "__main__":
    main()
