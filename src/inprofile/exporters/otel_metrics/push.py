"""Pushes the group's metrics to where OpenTelemetry's environment variables say."""

import threading
import time
from collections.abc import Callable, Mapping
from contextvars import Context
from pathlib import Path
from typing import TYPE_CHECKING

from inprofile.core.guard import guard
from inprofile.core.role import Role
from inprofile.exporters.otel.environment import seconds

if TYPE_CHECKING:
    from inprofile.exporters.otel_metrics.sender import Sender

INTERVAL_S = 60.0

PREPARED_S = 1.0
"""After this time all is loaded: there is none for it in a process that ends."""

RETRY_S = 0.02

ENDING = "ending"
"""The word of who is at his last export; then it is the moment of which he told. Else none."""


class Push:
    """Exports what the group has counted, every so often, while this worker has the role to.

    ``make_sender`` gives what exports; ``directory`` is the group's, or None where this process
    shares nothing and exports for itself alone.
    All is done in a thread of its own, importing OpenTelemetry included: an exporter may take any
    time, and hangs alone. Nothing waits for it: what cannot be told now is told the next time.
    """

    def __init__(
        self,
        make_sender: Callable[[], "Sender"],
        directory: Path | None,
        environment: Mapping[str, str],
    ) -> None:
        self._make_sender = make_sender
        self._role = None if directory is None else Role(directory / "push.lock")
        self._interval_s = seconds("OTEL_METRIC_EXPORT_INTERVAL", INTERVAL_S, environment)
        self._sender: Sender | None = None
        self._asked = threading.Event()
        self._answered = threading.Event()
        self._stopping = False
        self._asked_ns = 0
        self._until_s = 0.0
        # No context: it may begin in a request, which its own requests are no part of.
        self._thread = threading.Thread(
            target=Context().run, args=(self._run,), name="inprofile-push", daemon=True
        )
        with guard:
            self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Export once more, and end; after ``timeout_s`` without a word."""
        self._stopping = True
        self.flush(timeout_s)
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(max(self._until_s - time.monotonic(), 0))

    def flush(self, timeout_s: float) -> None:
        """Export now, as this may be the end, and wait for it no longer than that."""
        self._asked_ns = time.time_ns()
        self._until_s = time.monotonic() + timeout_s
        self._answered.clear()
        self._asked.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._answered.wait(timeout_s)

    def after_fork_in_child(self) -> None:
        """Let go of what is the parent's, without a word."""
        if self._role is not None:
            self._role.forget()

    def _run(self) -> None:
        if not self._asked.wait(min(PREPARED_S, self._interval_s / 2)):
            with guard:
                self._turn(Push._prepared)
        while True:
            if self._asked.wait(self._interval_s):
                self._answer()
                if self._stopping:
                    break
            else:
                with guard:
                    self._turn(Push._send)
        with guard:
            if self._sender is not None:
                self._sender.close()

    def _answer(self) -> None:
        """Do what ``flush`` asks for; the role is free then for others who end."""
        self._asked.clear()
        with guard:
            self._finish()
        if self._role is not None:
            self._role.forget()
        self._answered.set()

    def _turn(self, act: Callable[["Push"], object]) -> None:
        if self._has_role():
            self._leave("")
            act(self)

    def _has_role(self) -> bool:
        return self._role is None or self._role.held()

    def _leave(self, word: str) -> None:
        if self._role is not None:
            self._role.leave(word)

    def _finish(self) -> None:
        """The last export.

        Where another one is at his, he is waited for: what he reads may have been counted before
        the last of ours.
        """
        while time.monotonic() < self._until_s:
            if self._has_role():
                if self._asked_ns > self._told_ns():
                    self._leave(ENDING)
                    self._leave(str(self._send()))
                return
            if self._role is None or not self._role.word():
                return
            time.sleep(RETRY_S)

    def _told_ns(self) -> int:
        """Of which moment the last export of who had the role before was; 0 for none."""
        word = "" if self._role is None else self._role.word()
        return int(word) if word.isdecimal() else 0

    def _send(self) -> int:
        """Export; of which moment that is, in nanoseconds since the epoch, or 0 where it failed."""
        send, read_ns = self._prepared(), time.time_ns()
        return read_ns if send(self._interval_s) else 0

    def _prepared(self) -> "Sender":
        if self._sender is None:
            self._sender = self._make_sender()
        return self._sender
