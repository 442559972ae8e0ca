"""The code blocks of a README: finding them, reading their markers, running them.

A block is run and must succeed, unless an HTML comment on the line above says otherwise:

    <!-- run: skip (the reason) -->      is not run; programs of the repository must exist, though
    <!-- run: background (URL) -->       a server: runs until URL answers, then is interrupted
    <!-- run: beside background -->      runs while the nearest background block above it does
    <!-- file: app.py -->                is also there as app.py for every block of the README

Each block runs in a fresh directory that holds those files, in an environment where `python` and
the commands installed beside it are those of one chosen interpreter.
"""

import fcntl
import hashlib
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

RUNNABLE = {"python", "sh", "console"}
DATA = {"html", "http", "ini", "json", "mermaid", "promql", "sql", "text", "toml", "yaml"}
LIMIT_S = 180

COMMENT = r"<!-- *(?:run|file):[^\n]*-->"
FENCE = re.compile(
    rf"(?:^ *(?P<comment>{COMMENT}) *\n)?"
    r"^(?P<indent> *)```(?P<language>[^\n`]*)\n(?P<code>.*?)^(?P=indent)``` *$",
    re.MULTILINE | re.DOTALL,
)
MARKER = re.compile(
    r"<!-- *(?:run: skip \((?P<skip>.+)\)"
    r"|run: background \((?P<url>https?://.+)\)"
    r"|run: (?P<beside>beside background)"
    r"|file: (?P<file>[\w./-]+)) *-->"
)


@dataclass(frozen=True)
class Block:
    """One fenced block, and what its marker asks for."""

    line: int
    language: str
    code: str
    skip: str | None = None
    url: str | None = None
    file: str | None = None
    beside: "Block | None" = None

    @property
    def commands(self) -> list[str]:
        """The lines to give to the shell; of a console block, those behind `$` and `>`."""
        lines = self.code.splitlines()
        if self.language != "console":
            return lines
        return [line[2:] for line in lines if line.startswith(("$ ", "> "))]

    def argv(self, python: Path) -> list[str | Path]:
        """The command line that runs the block."""
        if self.language == "python":
            return [python, "-c", self.code]
        return ["sh", "-euc", "\n".join(self.commands)]


def blocks(text: str) -> list[Block]:
    """All fenced blocks in order. Raises ValueError where one can be neither run nor explained."""
    found: list[Block] = []
    for match in FENCE.finditer(text):
        line = text.count("\n", 0, match.start("language")) + 1
        language = match["language"].strip()
        if language not in RUNNABLE | DATA:
            raise ValueError(f"line {line}: {language!r} is none of {sorted(RUNNABLE | DATA)}")
        asked = marker(match["comment"], line)
        if asked.pop("beside", None):
            servers = [block for block in found if block.url]
            if not servers:
                raise ValueError(f"line {line}: there is no background block above")
            asked["beside"] = servers[-1]
        code = re.sub(f"^{match['indent']}", "", match["code"], flags=re.MULTILINE)
        found.append(Block(line, language, code, **asked))
    lost = len(re.findall(COMMENT, text)) - sum(bool(m["comment"]) for m in FENCE.finditer(text))
    if lost:
        raise ValueError(f"{lost} run: or file: comments do not stand on the line above a block")
    return found


def marker(comment: str | None, line: int) -> dict:
    """What a comment asks for, by the fields of Block."""
    if comment is None:
        return {}
    match = MARKER.fullmatch(comment)
    if match is None:
        raise ValueError(f"line {line}: cannot read {comment}; see tests/readme.py")
    return {name: value for name, value in match.groupdict().items() if value}


def run(block: Block, every: list[Block], directory: Path, python: Path) -> None:
    """Run a block of `every` block of its README. Raises AssertionError with its output."""
    for other in every:
        if other.file:
            (directory / other.file).parent.mkdir(parents=True, exist_ok=True)
            (directory / other.file).write_text(other.code)
    with serving(block.beside, directory, python) if block.beside else nullcontext():
        if block.url:
            with serving(block, directory, python):
                return
        with started(block, directory, python) as process:
            status = process.wait(LIMIT_S)
            output = (directory / f"output-{block.line}").read_text()
            assert status == 0, f"exit code {status}:\n{block.code}\n{output}"


@contextmanager
def serving(block: Block, directory: Path, python: Path) -> Iterator[None]:
    """Run a background block, from the moment its URL answers until the caller is done."""
    with turn(block), started(block, directory, python) as process:
        deadline = time.monotonic() + LIMIT_S
        while not answers(block.url):
            output = (directory / f"output-{block.line}").read_text()
            assert process.poll() is None, f"ended before {block.url} answered:\n{output}"
            assert time.monotonic() < deadline, f"{block.url} does not answer:\n{output}"
            time.sleep(0.1)
        yield


@contextmanager
def turn(block: Block) -> Iterator[None]:
    """Wait until no other run of these tests needs the URL, which the README has once for all."""
    mark = hashlib.sha256(str(block.url).encode()).hexdigest()[:16]
    with (Path(gettempdir()) / f"inprofile-readme-{mark}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert not answers(block.url), f"something else answers at {block.url} already"
        yield


@contextmanager
def started(block: Block, directory: Path, python: Path) -> Iterator[subprocess.Popen]:
    """Start a block; afterwards interrupt whatever is left of it, as Ctrl-C would."""
    with (directory / f"output-{block.line}").open("wb") as output:
        process = subprocess.Popen(
            block.argv(python),
            cwd=directory,
            env=environment(directory, python),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(LIMIT_S)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def environment(directory: Path, python: Path) -> dict[str, str]:
    """A newcomer's: nothing of this run's settings, and the interpreter's commands come first."""
    ours = ("INPROFILE_", "OTEL_", "PROMETHEUS_", "PYTHON", "VIRTUAL_ENV", "XDG_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    temporary = directory / "tmp"
    temporary.mkdir(exist_ok=True)
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    return kept | {"HOME": str(directory), "PATH": path, "TMPDIR": str(temporary)}


def answers(url: str | None) -> bool:
    """Whether a GET of the URL succeeds."""
    assert url, "only background blocks have a URL"
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status == 200
    except urllib.error.HTTPError as refusal:
        refusal.close()
        return False
    except OSError:
        return False
