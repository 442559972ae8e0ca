"""Serves the group's metrics on a port of its own, by one of its workers."""

import os
import select
import socket
import threading
import time

from inprofile.core.guard import guard, log
from inprofile.core.role import Role
from inprofile.exporters.serving.answer import Answer, Exposition, answer
from inprofile.exporters.serving.port_server import PortServer

RETRY_S = 1.0
"""How long after the end of the worker that served another one does; so often a port that is
taken is tried again.
"""


class Port:
    """Answers at ``host`` and ``port`` for as long as this worker has the role to.

    ``exposition`` gives body and content type for an Accept header; they are at ``path``. A
    thread of its own waits for the role, then for clients; each client has one more. None of them
    keeps the process from ending.
    """

    def __init__(self, exposition: Exposition, role: Role, host: str, port: int, path: str) -> None:
        self.path = path
        self._exposition = exposition
        self._role = role
        self._host, self._port = host, port
        self._reading = threading.Lock()
        self._closed = self._refused = False
        self._server: PortServer | None = None
        self._told, self._tell = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="inprofile-port", daemon=True)
        self._thread.start()

    def answer(self, method: str, accept: str, encoding: str) -> Answer | None:
        """The answer to a scrape, one after the other; None once this is closed."""
        with self._reading:
            if self._closed:
                return None
            return answer(self._exposition, method, accept, encoding)

    def flush(self, timeout_s: float) -> None:
        """Nothing waits here: who scrapes comes for it."""

    def close(self, timeout_s: float) -> None:
        """Let the scrape that reads the cells come to its end, and listen no more."""
        deadline = time.monotonic() + timeout_s
        if self._reading.acquire(timeout=timeout_s):
            self._closed = True
            self._reading.release()
        self._closed = True
        self._tell.close()
        self._thread.join(max(deadline - time.monotonic(), 0))
        self._told.close()
        self._role.forget()

    def after_fork_in_child(self) -> None:
        """Close what is the parent's: in a child the port would outlive it."""
        if self._server is not None:
            self._server.server_close()
        self._told.close()
        self._tell.close()
        self._role.forget()

    def _run(self) -> None:
        while not self._closed:
            with guard:
                if self._role.held() and self._listens():
                    self._serve()
            if _readable(self._told, timeout_s=RETRY_S):
                return

    def _listens(self) -> bool:
        """Whether the port can be had; says once why not, and once that it could after all."""
        try:
            self._server = PortServer(self._host, self._port, self)
        except OSError as error:
            self._refuse(error)
            return False
        if self._refused:
            self._refused = False
            log.warning("inprofile: metrics are served on %s port %d", self._host, self._port)
        return True

    def _refuse(self, error: OSError) -> None:
        if not self._refused:
            self._refused = True
            log.warning(
                "inprofile: metrics cannot be served on %s port %d: %s. That is tried again every "
                "%g s; INPROFILE_METRICS_HOST and INPROFILE_METRICS_PORT say where.",
                self._host,
                self._port,
                os.strerror(error.errno) if error.errno and error.errno > 0 else error,
                RETRY_S,
            )

    def _serve(self) -> None:
        """Until this is closed."""
        server = self._server
        assert server is not None
        with server:
            while server in _readable(self._told, server) and not self._closed:
                server.handle_request()


def _readable(
    *files: socket.socket | PortServer, timeout_s: float | None = None
) -> list[socket.socket | PortServer]:
    """Those of which something can be read, once there is one or the time is over."""
    waiting = select.poll()
    for file in files:
        waiting.register(file, select.POLLIN)
    ready = {fd for fd, _ in waiting.poll(None if timeout_s is None else timeout_s * 1000)}
    return [file for file in files if file.fileno() in ready]
