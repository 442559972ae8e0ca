"""Where the application loads the objects of SQLAlchemy's ORM, and by which way from there."""

import sys
from itertools import islice
from types import CodeType
from typing import Any

from inprofile.core.application import application
from inprofile.core.model import Location
from inprofile.integrations._greenlet import awaiting
from inprofile.integrations._sqlalchemy_code import Step, steps_of

MAX_LOADS = 1000
"""Loads of one trace whose lines are remembered."""

MAX_OUT = 60
"""Frames of libraries around a load that are passed on the way to the application's line."""

INSIDE = 5
"""Frames that a load has inside of the call of the application's at the least, all SQLAlchemy's
and ours."""

MAX_PLACES = 16
"""Functions of SQLAlchemy's that make the rows of results; there are two."""

MAX_DEPTH = 10
"""Relations within each other that are followed."""


Instruction = tuple[CodeType, int]

Load = tuple[Instruction | None, int | None, Any]
"""Where objects were loaded: the application's instruction, or the load of the object that they
were loaded for, and by which path that was.
"""

UNKNOWN: Load = (None, None, None)

Loads = dict[int, Load]
"""By the number that SQLAlchemy gives each load of a process, which its objects bear."""

_places: dict[int, int] = {}
"""In which of its cells a function has the context, by the identity of its code."""


def remember(trace: Any, chunks: Any) -> None:
    """Remember where the objects of an ORM's result are loaded, for as long as the trace runs.

    To be called by what ``instances`` calls. Costs 1 microsecond for a statement of the
    application's, 0.4 for a load of a relation.
    """
    loads = trace.loads
    if loads is None:
        loads = trace.loads = {}
    if len(loads) >= MAX_LOADS:
        return
    place = _places.get(id(chunks.__code__))
    if place is None:
        place = _place(chunks.__code__)
    if place >= 0:
        context = chunks.__closure__[place].cell_contents
    else:  # rows that are there already, under asyncio
        context = sys._getframe(2).f_locals["context"]  # noqa: SLF001 - what made them
    options = context.load_options
    owner = options._lazy_loaded_from or options._refresh_state  # noqa: SLF001
    if owner is not None:
        loads[context.runid] = None, owner.runid, owner.load_path
    elif context.top_level_context is not None:
        loads[context.runid] = loads.get(context.top_level_context.runid, UNKNOWN)
    else:
        loads[context.runid] = _here(), None, None


def _place(code: CodeType) -> int:
    names = code.co_freevars
    place = names.index("context") if "context" in names else -1
    if len(_places) < MAX_PLACES:  # the code of SQLAlchemy's module, which lives as long as we do
        _places[id(code)] = place
    return place


def _here() -> Instruction | None:
    """The application's instruction that runs this; its line is looked up if it is asked for."""
    inner = sys._getframe(INSIDE)  # noqa: SLF001 - what tells who asks
    frame = application.caller(inner, MAX_OUT) or application.caller(awaiting(), MAX_OUT)
    return None if frame is None else (frame.f_code, frame.f_lasti)


def _location(at: Instruction | None) -> Location | None:
    if at is None:
        return None
    code, instruction = at
    place = next(islice(code.co_positions(), instruction // 2, None), (None,))
    return Location(code.co_filename, place[0] or code.co_firstlineno, code.co_name)


def way(
    loads: Loads, run: int | None, path: Any, depth: int = MAX_DEPTH
) -> tuple[Location | None, list[Step]]:
    """Where the application loaded what came by ``path``, and the steps from there."""
    where, owner, through = UNKNOWN if run is None else loads.get(run, UNKNOWN)
    if owner is None or not depth:
        return _location(where), steps_of(path)
    outer = through.path
    if path.path[: len(outer)] == outer:
        return way(loads, owner, path, depth - 1)
    found, steps = way(loads, owner, through, depth - 1)
    return found, [*steps, *steps_of(path)]


def loaded_as(state: Any) -> Any:
    """What an object was loaded as: a class, or one that it inherits from."""
    path = state.load_path.path
    return path[-1] if path else state.manager.mapper
