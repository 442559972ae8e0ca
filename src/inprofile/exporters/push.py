"""Pushes the group's metrics to where OpenTelemetry's environment variables say."""

import threading
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
RETRY_S = 0.02


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
        # No context: it may begin in a request, which its own requests are no part of.
        self._thread = threading.Thread(
            target=Context().run, args=(self._run,), name="inprofile-push", daemon=True
        )
        with guard:
            self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Export once more, and end; after ``timeout_s`` without a word."""
        self._stopping.set()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        self._abandoned.set()

    def after_fork_in_child(self) -> None:
        """Let go of what is the parent's, without a word."""
        if self._role is not None:
            self._role.forget()

    def _run(self) -> None:
        while not self._stopping.wait(self._interval_s):
            if self._is_ours():
                self._send()
        with guard:
            self._finish()
        if self._sender is not None:
            with guard:
                self._sender.close()
        if self._role is not None:
            self._role.forget()

    def _is_ours(self) -> bool:
        return self._role is None or self._role.held()

    def _finish(self) -> None:
        """The last export.

        Who has the role may be at his own last one, which does not have what came since he read:
        he is waited for.
        """
        while not self._abandoned.is_set():
            if self._is_ours():
                if self._role is not None:
                    self._role.end()
                self._send()
                return
            if self._role is None or not self._role.is_ending():
                return
            self._abandoned.wait(RETRY_S)

    def _send(self) -> None:
        with guard:
            if self._sender is None:
                from inprofile.exporters.sender import Sender

                self._sender = Sender(
                    self._read, self._directory, self._service, self._slo_ms, self._environment
                )
            self._sender(self._interval_s)
