"""Code of libraries that findings must read through: nothing of it is replaced."""

import inspect
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from types import CodeType, ModuleType
from typing import Any, NamedTuple

from wrapt import resolve_path

from inprofile.core.frames import Interpreter, borders, chains, drivers, interpreters
from inprofile.core.guard import guard
from inprofile.core.model import Location
from inprofile.integrations._signature import Function


class Reading(NamedTuple):
    """Tell ``note`` of the function at ``module.path``; a missing one is no error."""

    path: str
    note: Callable[[Function], None]


def interpreting(
    local: str,
    read: Callable[[Mapping[str, Any]], Hashable],
    locate: Callable[[Any], Location | None],
) -> Callable[[Function], None]:
    """For a function that runs what the user wrote in another language: templates, fields.

    ``local`` is the local variable that says which part is run, in the function or a
    comprehension of it. ``read`` makes plain data of the function's locals that ``locate``
    makes the part's place of when a finding is reported; None for what no user wrote.
    """

    def note(original: Function) -> None:
        for code in _codes(original):
            if local in (*code.co_varnames, *code.co_cellvars, *code.co_freevars):
                interpreters[id(code)] = Interpreter(code, local, read, locate)

    return note


def driving(original: Function) -> None:
    """For a function that is one loop, and asks for its elements at several instructions."""
    drivers.update((id(code), code) for code in _codes(original))


def chaining(original: Function) -> None:
    """For a function that goes along what stands in one expression of the user's: no loop."""
    chains.update((id(code), code) for code in _codes(original))


def bordering(original: Function) -> None:
    """For a function that calls the application for a request: what is outside is no loop."""
    borders.update((id(code), code) for code in _codes(original))


def read(module: ModuleType, readings: Iterable[Reading]) -> None:
    """Take note of what ``module`` has of them."""
    for reading in readings:
        with guard:
            try:
                found = resolve_path(module, reading.path)[2]
            except AttributeError:
                continue
            reading.note(found)


def _codes(function: Function) -> Iterator[CodeType]:
    """The code of a function, below whatever was put around it, and what it consists of."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is not None:
        yield from _nested(code)


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)
