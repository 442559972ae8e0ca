"""Code of libraries that findings must read through: nothing of it is replaced."""

import inspect
from collections.abc import Callable, Hashable, Iterator, Mapping
from types import CodeType
from typing import Any

from inprofile.core.frames import (
    Interpreter,
    borders,
    chains,
    drivers,
    fronts,
    interpreters,
    workers,
)
from inprofile.core.model import Location
from inprofile.integrations._patch import Wrap
from inprofile.integrations._signature import Function


def interpreting(
    local: str,
    read: Callable[[Mapping[str, Any]], Hashable],
    locate: Callable[[Any], Location | None],
    fix: Callable[[str, str], str] | None = None,
) -> Wrap:
    """For a function that runs what the user wrote in another language: templates, fields.

    ``local`` is the local variable that says which part is run, in the function or a
    comprehension of it. ``read`` makes plain data of the function's locals that ``locate``
    makes the part's place of when a finding is reported; None for what no user wrote. ``fix``
    says for a part's name, and for what to write elsewhere, what to write in such a part.
    """

    def note(original: Function) -> Function:
        for code in codes(original):
            if local in (*code.co_varnames, *code.co_cellvars, *code.co_freevars):
                interpreters[id(code)] = Interpreter(code, local, read, locate, fix)
        return original

    return note


def telling_apart(local: str) -> Wrap:
    """For a function whose calls are for different things, as the local variable says: no loop."""
    return interpreting(local, lambda _: None, lambda _: None)


def driving(original: Function) -> Function:
    """For a function that is one loop, and asks for its elements at several instructions."""
    drivers.update((id(code), code) for code in codes(original))
    return original


def chaining(original: Function) -> Function:
    """For a function that goes along what stands in one expression of the user's: no loop."""
    chains.update((id(code), code) for code in codes(original))
    return original


def bordering(original: Function) -> Function:
    """For a function that calls the application for a request: what is outside is no loop."""
    for code in codes(original):
        borders[id(code)] = code
    return original


def fronting(original: Function) -> Function:
    """For one that does so once in a request: looking ends there."""
    for code in codes(original):
        borders[id(code)] = fronts[id(code)] = code
    return original


def working(original: Function) -> Function:
    """For a function that runs in a thread what others have handed to it."""
    for code in codes(original):
        workers[id(code)] = code
    return original


def both(note: Wrap, wrap: Wrap) -> Wrap:
    """For a function that is wrapped and read."""
    return lambda original: wrap(note(original))


def codes(function: Function) -> Iterator[CodeType]:
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is not None:
        yield from _nested(code)


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)
