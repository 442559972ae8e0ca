"""A tracer provider for our spans alone, where the application has none."""

import threading
from collections.abc import Mapping

from inprofile.core.guard import guard
from inprofile.exporters.otel_spans import providers


class OwnProvider:
    """Has the exporters that OTEL_TRACES_EXPORTER names. Raises NoExporter.

    An exporter may hang wherever it is called: what waits for it is a thread of its own, which
    ends with the process. In a process that ends already there is none, and no batches either.
    """

    def __init__(self, service: str, environment: Mapping[str, str]) -> None:
        self.provider = providers.ours(service, environment)
        self._asked = threading.Event()
        self._answered = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = threading.Thread(
            target=self._run, name="inprofile-spans", daemon=True
        )
        try:
            self._thread.start()
        except RuntimeError:
            self._thread = None

    def flush(self, timeout_s: float) -> None:
        """Let the batches go out now, and wait for that no longer than ``timeout_s``."""
        if self._thread is not None:
            self._answered.clear()
            self._asked.set()
            self._answered.wait(timeout_s)

    def close(self, timeout_s: float) -> None:
        """The same for the last time."""
        if self._thread is not None:
            self._closing = True
            self._asked.set()
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._closing:
            self._asked.wait()
            self._asked.clear()
            with guard:
                if not self._closing:
                    self.provider.force_flush()
            self._answered.set()
        with guard:
            self.provider.shutdown()
