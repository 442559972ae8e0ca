"""Pushes the group's metrics to where OpenTelemetry's environment variables say."""

import threading
import time
from collections.abc import Callable, Mapping
from contextvars import Context
from pathlib import Path
from typing import TYPE_CHECKING

from inprofile.core.guard import guard
from inprofile.core.role import Role
from inprofile.core.slots import Snapshot
from inprofile.exporters.otel_environment import seconds

if TYPE_CHECKING:
    from inprofile.exporters.sender import Sender

INTERVAL_S = 60.0

PREPARED_S = 1.0
"""After this time all is loaded: there is none for it in a process that ends."""

RETRY_S = 0.02

ENDING = "ending"
"""The word of who is at his last export; then it is of when that is, in nanoseconds."""


class Push:
    """Exports what the group has counted, every so often, while this worker has the role to.

    ``read`` gives the snapshot; ``directory`` is the group's, or None where this process shares
    nothing and exports for itself alone; ``service`` is its name unless the environment has one;
    ``slo_ms`` are thresholds among the classic bounds.
    All is done in a thread of its own, importing OpenTelemetry included: an exporter may take any
    time, and hangs alone. Nothing waits for it: what cannot be told now is told the next time.
    """

    def __init__(
        self,
        read: Callable[[], Snapshot],
        directory: Path | None,
        service: str,
        slo_ms: tuple[float, ...],
        environment: Mapping[str, str],
    ) -> None:
        self._read = read
        self._directory = directory
        self._service = service
        self._slo_ms = slo_ms
        self._environment = environment
        self._role = None if directory is None else Role(directory / "push.lock")
        self._interval_s = seconds("OTEL_METRIC_EXPORT_INTERVAL", INTERVAL_S, environment)
        self._sender: Sender | None = None
        self._stopping = threading.Event()
        self._abandoned = threading.Event()
        self._closed_ns = 0
        # No context: it may begin in a request, which its own requests are no part of.
        self._thread = threading.Thread(
            target=Context().run, args=(self._run,), name="inprofile-push", daemon=True
        )
        with guard:
            self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Export once more, and end; after ``timeout_s`` without a word."""
        self._closed_ns = time.time_ns()
        self._stopping.set()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        self._abandoned.set()

    def after_fork_in_child(self) -> None:
        """Let go of what is the parent's, without a word."""
        if self._role is not None:
            self._role.forget()

    def _run(self) -> None:
        if not self._stopping.wait(min(PREPARED_S, self._interval_s / 2)):
            with guard:
                self._turn(Push._prepared)
        while not self._stopping.wait(self._interval_s):
            with guard:
                self._turn(Push._send)
        with guard:
            self._finish()
        with guard:
            if self._sender is not None:
                self._sender.close()
        if self._role is not None:
            self._role.forget()

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
        while not self._abandoned.is_set():
            if self._has_role():
                if self._closed_ns > self._told_ns():
                    self._leave(ENDING)
                    self._send()
                return
            if self._role is None or self._role.word() != ENDING:
                return
            self._abandoned.wait(RETRY_S)

    def _told_ns(self) -> int:
        """Of which moment the last export of who had the role before was; 0 for none."""
        word = "" if self._role is None else self._role.word()
        return int(word) if word.isdecimal() else 0

    def _send(self) -> None:
        """Export."""
        send, read_ns = self._prepared(), time.time_ns()
        if send(self._interval_s) and self._stopping.is_set():
            self._leave(str(read_ns))

    def _prepared(self) -> "Sender":
        if self._sender is None:
            from inprofile.exporters.sender import Sender

            self._sender = Sender(
                self._read, self._directory, self._service, self._slo_ms, self._environment
            )
        return self._sender
