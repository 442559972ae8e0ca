"""What libraries are given in the place of what belongs there, and calls that give it to them."""

import asyncio
import contextlib
from typing import Any

import psycopg.sql
import psycopg2.sql

from tests.integrations.mysql_parts import Unlucky

CALLS: dict[str, Any] = {}
"""Library -> a context manager that, with pytest's request, gives its bad calls by name."""


class Text(str):
    """Text whose looks all fail but those of str's own methods, which are written in C."""

    __slots__ = ()

    def _fails(self, *_: Any) -> Any:
        raise ZeroDivisionError("looked at")

    __hash__ = __eq__ = __len__ = __repr__ = __str__ = __format__ = __iter__ = _fails


class Pretending:
    """What fails when it is asked for its class, as a lazy object does whose work fails."""

    @property  # type: ignore[misc]
    def __class__(self):
        raise ZeroDivisionError("asked for its class")


BAD: dict[str, Any] = {
    "None": None,
    "a number": 7,
    "nothing": "",
    "bytes": b"SELECT 1",
    "bytes that are no text": b"SELECT '\xff'",
    "bytes that change": bytearray(b"SELECT 1"),
    "half a character": "SELECT '\ud800'",
    "a zero": "SELECT '\0'",
    "no SQL": "SELEC",
    "10 MB": "SELECT 1 -- " + "x" * 10_000_000,
    "psycopg's parts": psycopg.sql.SQL("SELECT {}").format(psycopg.sql.Literal("it's")),
    "psycopg2's parts": psycopg2.sql.SQL("SELECT {}").format(psycopg2.sql.Literal("it's")),
    "text of the user's": Text("SELECT 1"),
    "an object": Unlucky(),
    "a stand-in": Pretending(),
}


def library(function):
    """A generator of calls by name is what ``CALLS`` has of its library."""
    CALLS[function.__name__.strip("_").replace("_", " ")] = contextlib.contextmanager(function)
    return function


def given(call, keyword, values=BAD):
    """The calls of ``call`` with each of the values, by position and by name, and with none."""
    calls = {"none at all": call, "another name": lambda: call(no_such="SELECT 1")}
    for name, value in values.items():
        calls[name] = lambda value=value: call(value)
        calls[f"{name}, by name"] = lambda value=value: call(**{keyword: value})
    return calls


def running(use):
    """A call that does, in a loop of its own, what ``use`` does with its arguments."""
    return lambda *args, **kwargs: asyncio.run(use(*args, **kwargs))
