"""A real Celery worker in a process of its own, and what its group has counted and kept."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from celery.result import AsyncResult

from inprofile.core.slots import snapshot
from inprofile.storage.store import Store, StoredTrace
from tests.child import environment

LIMIT_S = 60
ROOT = Path(__file__).parents[2]


class Worker:
    """A worker of tests.integrations.celery_app; ``options`` are those of ``celery worker``.

    ``launcher`` stands between ``python -m`` and the module; without it the application has its
    line.
    """

    def __init__(
        self,
        group: Path,
        broker: str,
        results: Path,
        *options: str,
        launcher: Sequence[str] = (),
        **more: str,
    ) -> None:
        self.group = group
        self.log = results.with_suffix(".log")
        variables: dict[str, str | Path] = {
            "BROKER": broker,
            "RESULTS": results,
            "INPROFILE_DIR": group.parent,
            "INPROFILE_GROUP": group.name,
            "INPROFILE_SLOW_MS": "0",
        }
        if launcher:
            variables |= {"LAUNCHED": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-m", *launcher, "celery", "-A", "tests.integrations.celery_app"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "worker", "--loglevel", "INFO", *options],
                cwd=ROOT,
                env=environment(**variables | more),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        """End it as an init system does: it finishes what it is at."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(LIMIT_S) == 0, self.log.read_text()

    def kill(self) -> None:
        """Whatever happened, nothing is left behind: its children die with it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(LIMIT_S)

    def counted(self, tries: int) -> dict[tuple[str, str], int]:
        """How many tries ended, by task and error, once there are so many of them.

        A result is there a moment before its try has ended.
        """
        deadline = time.monotonic() + LIMIT_S
        while True:
            found = {
                (key[1].removeprefix("task:"), key[2]): sum(values[2:])
                for key, values in snapshot(self.group).series.items()
                if key[0] == "inprofile.job.duration" and key[1].startswith("task:")
            }
            if sum(found.values()) >= tries or time.monotonic() > deadline:
                return found
            time.sleep(0.02)

    def kept(self) -> list[StoredTrace]:
        """The stored traces of tasks, oldest first."""
        found = Store(self.group).traces(limit=1000)
        return [trace for trace in reversed(found) if trace.door == "task"]


def outcome(result: AsyncResult) -> tuple[str, Any]:
    """The state that a task ends in, and its result or error."""
    try:
        return "SUCCESS", result.get(timeout=LIMIT_S, interval=0.02)
    except Exception as error:
        return type(error).__name__, error.args


def reached(result: AsyncResult, state: str) -> Any:
    """What a task says of itself once it is in a state of its own."""
    deadline = time.monotonic() + LIMIT_S
    while result.state != state:
        assert time.monotonic() < deadline, f"{result.state} instead of {state}"
        time.sleep(0.02)
    return result.info
