"""A process of its own that measures when it is told to, so that several can take turns."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


class Failed(Exception):
    """A process gave no figures; the message holds its last words."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that measures a batch each time it is asked; ``stderr`` is where it complains."""

    name: str
    process: "subprocess.Popen[str]"
    stderr: Path

    def ask(self, line: str | None) -> dict[str, Any]:
        """Say ``line`` (or nothing) and return what comes back. Raises Failed."""
        process = self.process
        assert process.stdin is not None
        assert process.stdout is not None
        if line is not None:
            with suppress(BrokenPipeError):
                process.stdin.write(line + "\n")
                process.stdin.flush()
        for answer in process.stdout:
            if answer.startswith("{"):
                found: dict[str, Any] = json.loads(answer)
                return found
        last = self.stderr.read_text()[-2000:]
        raise Failed(f"{self.name} ended with exit code {process.wait()}:\n{last}")


@contextmanager
def started(
    name: str, module: str, arguments: Sequence[str], environment: Mapping[str, str], stderr: Path
) -> Iterator[Worker]:
    """Run ``module`` as a process of that name; it is killed at the end."""
    with (
        stderr.open("w") as complaints,  # a pipe that nobody reads would fill and block
        subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
        ) as process,
    ):
        try:
            yield Worker(name, process, stderr)
        finally:
            process.kill()
            assert process.stdin is not None
            with suppress(BrokenPipeError):  # what a dead worker did not read is flushed again
                process.stdin.close()


def say(what: Mapping[str, object]) -> None:
    """Say what was measured, in the process that did."""
    print(json.dumps(what), flush=True)
