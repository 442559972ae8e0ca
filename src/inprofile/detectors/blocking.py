"""Calls that wait, by the library that makes them or by their name, and what to do instead."""

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from inprofile.core.application import PACKAGES
from inprofile.core.model import Position

LIBRARIES: Mapping[str, tuple[str, str]] = {
    "MySQLdb": ("database", "aiomysql"),
    "asgiref": ("lock", ""),
    "boto3": ("http", "aiobotocore"),
    "botocore": ("http", "aiobotocore"),
    "concurrent": ("lock", ""),
    "django": ("database", "the async ORM (aget, acount, async for), or sync_to_async"),
    "ftplib": ("network", ""),
    "gzip": ("file", ""),
    "http": ("http", "httpx.AsyncClient"),
    "httpx": ("http", "httpx.AsyncClient"),
    "pathlib": ("file", ""),
    "psycopg": ("database", "psycopg.AsyncConnection"),
    "psycopg2": ("database", "psycopg.AsyncConnection or asyncpg"),
    "pymemcache": ("cache", "aiomcache"),
    "pymongo": ("database", "pymongo.AsyncMongoClient"),
    "pymysql": ("database", "aiomysql"),
    "queue": ("lock", ""),
    "redis": ("cache", "redis.asyncio"),
    "requests": ("http", "httpx.AsyncClient"),
    "shutil": ("file", ""),
    "smtplib": ("network", "aiosmtplib"),
    "socket": ("network", "asyncio.open_connection"),
    "sqlalchemy": ("database", "sqlalchemy.ext.asyncio.create_async_engine"),
    "sqlite3": ("database", "aiosqlite"),
    "ssl": ("network", "asyncio.open_connection"),
    "subprocess": ("subprocess", "asyncio.create_subprocess_exec"),
    "tarfile": ("file", ""),
    "tempfile": ("file", ""),
    "threading": ("lock", ""),
    "urllib": ("http", "httpx.AsyncClient"),
    "urllib3": ("http", "httpx.AsyncClient"),
    "valkey": ("cache", "valkey.asyncio"),
    "zipfile": ("file", ""),
}
"""What a library's calls wait for, and what does not block the event loop instead."""

NAMES: Mapping[str, str] = {
    **dict.fromkeys(("sleep",), "sleep"),
    **dict.fromkeys(("acquire",), "lock"),
    **dict.fromkeys(("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr"), "dns"),
    **dict.fromkeys(("system", "waitpid", "communicate", "check_output"), "subprocess"),
    **dict.fromkeys(("recv", "recv_into", "send", "sendall", "connect", "accept"), "network"),
    **dict.fromkeys(("execute", "executemany", "fetchone", "fetchall", "commit"), "database"),
    **dict.fromkeys(
        "open read readline readlines readinto write writelines fsync".split(),  # noqa: SIM905
        "file",
    ),
}
"""What a function that is written in C waits for, by the last part of its name."""

WORDS: Mapping[str, str] = {
    "sleep": "a sleep",
    "lock": "waiting for another thread",
    "dns": "a DNS lookup",
    "subprocess": "another process",
    "network": "the network",
    "database": "a database",
    "cache": "a cache",
    "http": "an outbound request",
    "file": "file I/O",
}


class Call(NamedTuple):
    """A call that the application makes.

    ``name`` is the function's as it is written there and ``text`` the whole call, ``waits_for`` is
    one of WORDS, or empty for what is not known to wait, and ``instead`` what does not block.
    """

    name: str = ""
    text: str = ""
    waits_for: str = ""
    instead: str = ""

    @property
    def is_unknown(self) -> bool:
        """Whether nothing is known of it that the application has written."""
        return not (self.text or self.waits_for)

    @property
    def blocks(self) -> bool:
        """Whether it is known to wait for something."""
        return bool(self.waits_for)


def call(expression: ast.expr | None, below: Sequence[Position], line: str = "") -> Call:
    """What is called by an expression, with the frames that run in it from the inside out.

    Where there is none, or it is no call, the ``line`` of source has to do.
    """
    text = "" if expression is None else ast.unparse(expression)
    function = expression.func if isinstance(expression, ast.Call) else None
    name = ast.unparse(function) if function is not None else line
    for position in reversed(below):
        package, function_name = _package(position.code.co_filename), position.code.co_name
        if package == "socket" and function_name in NAMES:
            return Call(name or f"{package}.{function_name}", text, NAMES[function_name])
        if package in LIBRARIES:
            waits_for, instead = LIBRARIES[package]
            return Call(name or f"{package}.{function_name}", text, waits_for, instead)
    if below:
        first = below[-1].code
        return Call(name or f"{_package(first.co_filename)}.{first.co_qualname}", text)
    if function is not None:
        return Call(name, text, NAMES.get(name.rpartition(".")[2], ""))
    # Who waits in C to enter a block waits for a lock.
    return Call(name, text, "lock" if line.startswith("with ") else "")


def of_library(package: str) -> tuple[str, str]:
    """What a library waits for, and what to use instead; empty for one that is not known."""
    return LIBRARIES.get(package, ("", ""))


def _package(file: str) -> str:
    """The name of the top-level package that a file belongs to."""
    parts = Path(file).parts
    for i, part in enumerate(parts):
        if part in PACKAGES and i + 1 < len(parts):
            return parts[i + 1].removesuffix(".py")
    for i, part in enumerate(parts):  # the standard library: lib/python3.12/urllib/request.py
        if part.startswith("python3") and i + 1 < len(parts):
            return parts[i + 1].removesuffix(".py")
    return parts[-1].removesuffix(".py")


def off_the_loop(called: Call) -> str:
    """The code that makes a call in a thread: ``await asyncio.to_thread(f, x)``."""
    try:
        tree = ast.parse(called.text, mode="eval").body
    except SyntaxError:
        tree = None
    if not isinstance(tree, ast.Call):
        return "await asyncio.to_thread(…)"
    if _is_dotted(tree.func):
        arguments = [ast.unparse(each) for each in (tree.func, *tree.args)]
        arguments += [ast.unparse(each) for each in tree.keywords]
        return f"await asyncio.to_thread({', '.join(arguments)})"
    return f"await asyncio.to_thread(lambda: {called.text})"


def _is_dotted(function: ast.expr) -> bool:
    while isinstance(function, ast.Attribute):
        function = function.value
    return isinstance(function, ast.Name)
