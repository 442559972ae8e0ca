"""One run of pytest: inprofile runs for the whole of it, and counts what all tests have found."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

import pytest

from inprofile.core.model import Trace
from inprofile.process import running
from inprofile.testing.lines import Lines
from inprofile.testing.observing import observed
from inprofile.testing.recording import Recorded
from inprofile.testing.shown import Shown
from inprofile.testing.tally import Tally
from inprofile.testing.watch import UNUSED, Watch, wish


def _nothing(_trace: Trace) -> None:
    """Keeps inprofile running between the tests, so that it need not start for each."""


class Session:
    """Starts with the first test that asks for anything, and stops at the end of the run."""

    def __init__(self, root: Path) -> None:
        self.shown = Shown(root)
        self.tally = Tally()
        self.lines = Lines()
        self._stack: ExitStack | None = None
        self._runtime: object = None
        self._started: Callable[[Trace], None] = _nothing
        self._running: Watch | None = None

    def start(self) -> None:
        """Run, also where a test has stopped it. Raises SettingsError for a bad setting."""
        if self._stack is None or running() is not self._runtime:
            self.stop()
            self._stack = ExitStack()
            self._runtime = runtime = self._stack.enter_context(observed(_nothing))
            self.tally.is_off |= not runtime.recorder.enabled
            if runtime.recorder.enabled:
                runtime.open()  # which says who is told of traces that begin
                self._started, runtime.recorder.started = runtime.recorder.started, self._begun

    def stop(self) -> None:
        """Put everything back as it was."""
        stack, self._stack = self._stack, None
        if stack is not None:
            self.lines.stop()
            stack.close()

    def _begun(self, trace: Trace) -> None:
        self._started(trace)
        if self._running is not None:
            self._running.begun(trace)

    def watch(self, name: str, markers: Iterable[pytest.Mark], fail_on: frozenset[str]) -> Watch:
        """A test that is about to be set up. Raises ValueError for a marker that cannot be."""
        asked = wish(markers, fail_on)
        recorded = Recorded(unused=UNUSED in asked.fail_on)
        self._running = watch = Watch(name, asked, recorded, self.shown)
        if watch.asked.fail_on:
            self.lines.start()
        return watch

    def verdict(self, watch: Watch, *, has_ended: bool) -> str:
        """What a test that has run fails for; nothing if it does not."""
        return watch.verdict(self.tally, self.lines, has_ended=has_ended)
