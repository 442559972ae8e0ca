"""Everything by which what is counted and kept leaves this process, as the settings say."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from inprofile.core.cells import Cells
from inprofile.core.exemplars import exemplify
from inprofile.core.pipeline import Drain
from inprofile.core.recorder import Recorder
from inprofile.core.role import Role
from inprofile.core.slots import Snapshot
from inprofile.exporters.finding_log import FindingLog
from inprofile.exporters.otel_environment import is_disabled
from inprofile.exporters.outlet import Outlet
from inprofile.settings import Settings


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

    def open(self, cells: Cells, directory: Path | None) -> Sequence[Drain]:
        """Begin; ``directory`` is the group's, or None where this process shares nothing.

        Returns what takes the traces that are kept.
        """
        if directory is not None and "metrics" in self._settings.otel:
            self._push(directory)
        drains: list[Drain] = [partial(exemplify, cells, self._recorder)]
        if "spans" in self._settings.otel and not is_disabled(self._environment):
            drains = [self._spans(drains[0])]
        if self._settings.log_findings:
            drains.append(FindingLog())
        return drains

    def _push(self, directory: Path) -> None:
        from inprofile.exporters.push import Push

        role = Role(directory / "push.lock")
        self._open.append(Push(self._read, role, self._settings.slo_ms, self._environment))

    def _spans(self, exemplify: Drain) -> Drain:
        from inprofile.exporters.otel_spans import Spans

        spans = Spans(self._settings, self._recorder, exemplify, self._environment)
        self._open.append(spans)
        return spans

    def close(self, timeout_s: float) -> None:
        """Let each finish what it has, all of them in ``timeout_s``."""
        until_s = time.monotonic() + timeout_s
        for outlet in self._open:
            outlet.close(max(until_s - time.monotonic(), 0))
        self._open.clear()

    def after_fork_in_child(self) -> None:
        """What is open is the parent's."""
        for outlet in self._open:
            outlet.after_fork_in_child()
        self._open.clear()

    def exposition(self, accept: str) -> tuple[Iterator[bytes], str]:
        """The metrics, part by part, in the format that an Accept header asks for."""
        from inprofile.exporters.prometheus import exposition

        return exposition(self._read(), accept, self._settings.slo_ms)
