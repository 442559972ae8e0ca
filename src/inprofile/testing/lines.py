"""Which lines with a comment about findings have run, and how often: from Python 3.12 on."""

import sys
from collections import Counter
from collections.abc import Iterator
from types import CodeType
from typing import Any

from inprofile.core.application import application
from inprofile.detectors.ignores import Comment, source

TOOLS = (4, 3)
"""Numbers of monitoring tools that nobody has by convention."""

PASSES = 3
REPEATED_PASSES = 6
"""So many runs of a line in one test that a finding about it would have been found there."""


class Lines:
    """Counts the runs of the application's lines that comments are about, while it is ``on``.

    Any other line costs once and then nothing: sys.monitoring leaves it alone.
    """

    def __init__(self) -> None:
        self.on = False
        self._runs: Counter[tuple[str, int]] = Counter()
        self._spoken: dict[str, dict[int, tuple[Comment, ...]]] = {}
        self._tool: int | None = None

    @property
    def is_watching(self) -> bool:
        """Whether this Python tells, so that what does not come from here did not run."""
        return self._tool is not None

    def start(self) -> None:
        """Begin to watch, if this Python can and nobody else has taken the tools' numbers."""
        monitoring: Any = getattr(sys, "monitoring", None)
        if monitoring is None or self._tool is not None:
            return
        free = [tool for tool in TOOLS if monitoring.get_tool(tool) is None]
        if not free:
            return
        self._tool = tool = free[0]
        events = monitoring.events
        monitoring.use_tool_id(tool, "inprofile")
        monitoring.register_callback(tool, events.PY_START, self._started)
        monitoring.register_callback(tool, events.LINE, self._ran)
        monitoring.set_events(tool, events.PY_START)

    def stop(self) -> None:
        """Watch no more."""
        tool, self._tool = self._tool, None
        if tool is not None:
            monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
            monitoring.set_events(tool, 0)
            monitoring.free_tool_id(tool)

    def taken(self) -> Iterator[Comment]:
        """The comments whose lines have run often enough since this was asked; it forgets them."""
        runs, self._runs = self._runs, Counter()
        for (file, line), count in runs.items():
            for comment in self._spoken[file][line]:
                least = REPEATED_PASSES if "repeated_query" in comment.patterns else PASSES
                if count >= least:
                    yield comment

    def _started(self, code: CodeType, _offset: int) -> Any:
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        tool = self._tool
        if tool is not None and application.owns(code) and self._about(code.co_filename):
            monitoring.set_local_events(tool, code, monitoring.events.LINE)
        return monitoring.DISABLE

    def _about(self, file: str) -> dict[int, tuple[Comment, ...]]:
        spoken = self._spoken.get(file)
        if spoken is None:
            spoken = self._spoken[file] = source(file).spoken()
        return spoken

    def _ran(self, code: CodeType, line: int) -> Any:
        file = code.co_filename
        if line not in self._about(file):
            return sys.monitoring.DISABLE  # type: ignore[attr-defined,unused-ignore]
        if self.on:
            self._runs[file, line] += 1
        return None
