"""What a benchmark ran on: versions and the processor's model, never a name of the machine."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def about(libraries: Sequence[str], date: str | None = None) -> dict[str, str]:
    """Return Python's version, the processor and the version of each installed library."""
    found = {"Python": f"{platform.python_implementation()} {platform.python_version()}"}
    found["CPU"] = f"{processor()} ({os.cpu_count()} logical CPUs)"
    for library in libraries:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found | ({"date": date} if date else {})


def processor() -> str:
    """Return the model of the processor as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def sentence(found: dict[str, str]) -> str:
    """Return it in one line."""
    return ", ".join(
        text if name in {"Python", "CPU"} else f"{name} {text}" for name, text in found.items()
    )
