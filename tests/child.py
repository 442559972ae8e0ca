"""Python programs in processes of their own, whose answer is what they print as JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

LIMIT_S = 60


def environment(**variables: str | Path) -> dict[str, str]:
    """This process's environment without settings of ours, plus ``variables``."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("INPROFILE_") and name != "OTEL_SERVICE_NAME"
    }
    return kept | {name: str(value) for name, value in variables.items()}


def command(source: str | Path, *arguments: str | Path) -> list[str]:
    """The command that runs ``source``: a program's text, or the path of its file."""
    program = [str(source)] if isinstance(source, Path) else ["-c", source]
    return [sys.executable, "-W", "error", *program, *map(str, arguments)]


def run(source: str | Path, *arguments: str | Path, **variables: str | Path) -> Any:
    """What the program printed, read as JSON. Raises AssertionError when it failed."""
    done = subprocess.run(
        command(source, *arguments),
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
