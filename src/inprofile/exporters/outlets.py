"""Everything by which what is counted and kept leaves this process, as the settings say."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from inprofile.core.cells import Cells
from inprofile.core.exemplars import exemplify
from inprofile.core.guard import guard
from inprofile.core.pipeline import Drain
from inprofile.core.recorder import Recorder
from inprofile.core.role import Role
from inprofile.core.slots import Snapshot
from inprofile.exporters.finding_log import FindingLog
from inprofile.exporters.otel.environment import is_disabled
from inprofile.exporters.otel_metrics.push import Push
from inprofile.exporters.outlet import Outlet
from inprofile.settings import Settings

if TYPE_CHECKING:
    from inprofile.exporters.otel_metrics.carrier import Carrier
    from inprofile.exporters.otel_metrics.sender import Sender

METRICS_PATH = "/metrics"
"""Where they are on a port of their own, if the app itself is to have none."""


class Outlets:
    """Open from the first trace until ``close``.

    ``read`` gives what the group has counted. An outlet that cannot be opened says so in the log
    and leaves the others as they are.
    """

    def __init__(
        self,
        settings: Settings,
        recorder: Recorder,
        read: Callable[[], Snapshot],
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._settings = settings
        self._recorder = recorder
        self._read = read
        self._environment = environment
        self._open: list[Outlet] = []
        self._carriers: dict[str, Carrier] | None = None
        self._directory: Path | None = None

    def open(self, cells: Cells, directory: Path | None) -> Sequence[Drain]:
        """Begin; ``directory`` is the group's, or None where this process shares nothing.

        Returns what takes the traces that are kept.
        """
        self._directory, self._carriers = directory, {}
        if "metrics" in self._settings.otel and not is_disabled(self._environment):
            with guard:
                self._open.append(self._pushing(directory))
        if directory is not None and self._settings.metrics_port:
            with guard:
                self._open.append(self._serving(directory))
        drains: list[Drain] = [partial(exemplify, cells, self._recorder)]
        if "spans" in self._settings.otel and not is_disabled(self._environment):
            with guard:
                drains = [self._spans(drains[0])]
        if self._settings.log_findings:
            drains.append(FindingLog())
        return drains

    def _pushing(self, directory: Path | None) -> Push:
        def sender() -> "Sender":
            from inprofile.exporters.otel_metrics.sender import Sender

            chosen = self._settings
            return Sender(self._read, directory, chosen.service, chosen.slo_ms, self._environment)

        return Push(sender, directory, self._environment)

    def _serving(self, directory: Path) -> Outlet:
        from inprofile.exporters.serving.port import Port

        chosen = self._settings
        path = chosen.metrics_path or METRICS_PATH
        role = Role(directory / "port.lock")
        return Port(self.exposition, role, chosen.metrics_host, chosen.metrics_port, path)

    def _spans(self, exemplify: Drain) -> Drain:
        from inprofile.exporters.otel_spans.spans import Spans

        spans = Spans(self._settings, self._recorder, exemplify, self._environment)
        self._open.append(spans)
        return spans

    def flush(self, timeout_s: float) -> None:
        """Let what is exported now and then be exported now: the process may be about to end."""
        for outlet, own_s in self._shares(timeout_s):
            with guard:
                outlet.flush(own_s)

    def close(self, timeout_s: float) -> None:
        """Let each finish what it has, all of them in ``timeout_s``."""
        for outlet, own_s in self._shares(timeout_s):
            with guard:
                outlet.close(own_s)
        self._forget()

    def _shares(self, timeout_s: float) -> Iterator[tuple[Outlet, float]]:
        """Each outlet with its share of the time that is left: one that hangs leaves some."""
        until_s = time.monotonic() + timeout_s
        waiting = self._open[:]  # another thread may open one
        while waiting:
            yield waiting[0], max(until_s - time.monotonic(), 0) / len(waiting)
            del waiting[0]

    def after_fork_in_child(self) -> None:
        """What is open is the parent's."""
        for outlet in self._open:
            outlet.after_fork_in_child()
        self._forget()

    def _forget(self) -> None:
        self._open.clear()
        self._carriers = None

    def carrier(self, name: str) -> "Carrier | None":
        """What loads the user's own exports with our metrics; None while nothing is open."""
        from inprofile.exporters.otel_metrics.carrier import Carrier

        carriers = self._carriers
        if carriers is None:
            return None
        if name not in carriers:
            of = Carrier(self._read, self._directory, name, self._settings.slo_ms)
            carriers[name] = of
            self._open.append(of)
        return carriers[name]

    def exposition(self, accept: str) -> tuple[Iterator[bytes], str]:
        """The metrics, part by part, in the format that an Accept header asks for."""
        from inprofile.exporters.prometheus.exposition import exposition

        return exposition(self._read(), accept, self._settings.slo_ms)
