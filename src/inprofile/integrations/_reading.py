"""Code of libraries that findings must read through: nothing of it is replaced."""

import inspect
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from inprofile.core.frames import Interpreter, borders, interpreters, workers
from inprofile.core.model import Location
from inprofile.integrations._patch import Wrap
from inprofile.integrations._signature import Function


def interpreting(local: str, locate: Callable[[Any], Location | None]) -> Wrap:
    """For a function that runs what the user wrote in another language: templates, fields.

    ``local`` is the local variable that says which part is run, in the function or a
    comprehension of it; ``locate`` says where that part was written.
    """

    def read(original: Function) -> Function:
        for code in _codes(original):
            if local in (*code.co_varnames, *code.co_cellvars, *code.co_freevars):
                interpreters[id(code)] = Interpreter(code, local, locate)
        return original

    return read


def bordering(original: Function) -> Function:
    """For a function that calls the application for a request: what is outside is no loop."""
    for code in _codes(original):
        borders[id(code)] = code
    return original


def working(original: Function) -> Function:
    """For a function that runs in a thread what others have handed to it."""
    for code in _codes(original):
        workers[id(code)] = code
    return original


def _codes(function: Function) -> Iterator[CodeType]:
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is not None:
        yield from _nested(code)


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)
