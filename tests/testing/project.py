"""A small project in a directory of its own, and pytest run on it in a process of its own."""

import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

INI = """
[pytest]
filterwarnings = error
"""

DB = """
import sqlite3
import pytest

def load(db, number):
    return db.execute("SELECT v FROM t WHERE id = ?", (number,)).fetchone()  # Q

def load_all(db):
    return [load(db, number) for number in range(4)]  # L

@pytest.fixture
def db():
    db = sqlite3.connect(":memory:", check_same_thread=False)
    db.execute("CREATE TABLE t (id INTEGER, v INTEGER)")
    for number in range(5):
        db.execute("INSERT INTO t VALUES (?, 1)", (number,))
    yield db
    db.close()
"""
"""A conftest: a database without an ORM, code with an N+1, and a fixture that has one, too."""


@dataclass
class Run:
    """What pytest said."""

    text: str

    @property
    def outcomes(self):
        """How many tests have passed, failed ..."""
        (last,) = re.findall(r"^.* in [0-9.]+s.*$", self.text, re.MULTILINE)[-1:]
        return Counter(
            {what.rstrip("s"): int(n) for n, what in re.findall(r"(\d+) ([a-z]+)", last)}
        )

    @property
    def failed(self):
        return sorted(set(re.findall(r"^FAILED \S+::(\w+)", self.text, re.MULTILINE)))

    def summary(self):
        """The lines of our section."""
        found = re.search(
            r"^=+ inprofile =+\n(.*?)^(?:=|\d+ )", self.text, re.MULTILINE | re.DOTALL
        )
        return found[1].splitlines() if found else []


class Project:
    """Files in ``path``, with pytest to run on them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write("pytest.ini", INI)

    def write(self, name, text):
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text))
        return file

    def line(self, name, mark):
        """The number of the line of a file that ends in a mark."""
        lines = (self.path / name).read_text().splitlines()
        (number,) = [i for i, line in enumerate(lines, 1) if line.endswith(f"# {mark}")]
        return number

    def run(self, *options, plugins=()):
        """pytest, with our plugin and ``plugins``, and none that is here by chance.

        Not told to leave what is installed alone, it takes twice as long to begin.
        """
        wanted = ["inprofile.testing.plugin", "no:cacheprovider", *plugins]
        command = [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib"]
        command += [part for name in wanted for part in ("-p", name)]
        if "asyncio" in plugins:
            command += ["-o", "asyncio_default_fixture_loop_scope=function"]
        done = subprocess.run(
            [*command, *options],
            cwd=self.path,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **self._bytecode()},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Run(done.stdout + done.stderr)

    def _bytecode(self):
        """Where nothing is to be written beside the sources: one place for the runs of all tests.

        Compiling is a third of a run.
        """
        if not sys.dont_write_bytecode:
            return {}
        place = self.path.parent / "bytecode"
        return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(place)}
