"""The frames around a call, from the inside out, and which of them two calls have in common.

Two calls are compared by the activations of the functions around them: a loop is where one
frame makes the same call again. A frame is known again by a mark that stands on it and dies with
it, so nothing of the user's lives a moment longer than it would without us: holding the frames
themselves would keep their locals, and their addresses alone are used again with every call.
"""

import dis
import os
import threading
from collections.abc import Callable, Container, Hashable, Iterator, Mapping, Sequence
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR, CO_ITERABLE_COROUTINE
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

from inprofile.core.codes import per_code
from inprofile.core.model import Location

MAX_FRAMES = 1000
"""Frames looked at for one call; further out nothing is looked for."""

MAX_SOURCES = 8192
"""Codes remembered with what they were made of."""

ASYNC = CO_COROUTINE | CO_ASYNC_GENERATOR | CO_ITERABLE_COROUTINE
RESUMABLE = ASYNC | CO_GENERATOR

_THREAD: CodeType = threading.Thread._bootstrap.__code__  # type: ignore[attr-defined] # noqa: SLF001
"""The outermost frame of every thread but the first."""

_ASYNCIO = str(Path(os.__file__).with_name("asyncio")) + os.sep

Position = int | tuple[int, int]
"""Where a frame is: its instruction, and for an interpreter (see below) what it works on."""


class Beyond(NamedTuple):
    """Who waits for a thread, task or greenlet.

    Its frames from the inside out, or where it was started if that is known. ``at_once`` says
    that it waits for several of them together, or starts several.
    """

    frames: Sequence[FrameType] = ()
    started: "Stand | None" = None
    at_once: bool = False


Hop = Callable[[FrameType], Beyond | None]
"""Finds who waits for what has this outermost frame; None when it does not know."""

hops: list[Hop] = []
"""Ways to go on where a stack ends. Integrations add theirs."""


class Interpreter(NamedTuple):
    """Code of a library that runs what the user wrote in another language.

    The nodes of a template, the fields of a serializer. ``local`` is the name of its local that
    says which part is being run (its instruction alone says nothing). ``read`` makes of its
    locals what tells where that part was written, as plain data that holds nothing of the user's,
    or None for what a library wrote; ``locate`` makes a place of that. ``fix`` says what to write
    for such a part instead of what runs again and again in it, if that is something of its own:
    it is given its name, and what would be written elsewhere.
    """

    code: CodeType
    local: str
    read: Callable[[Mapping[str, Any]], Hashable]
    locate: Callable[[Any], Location | None]
    fix: Callable[[str, str], str] | None = None


interpreters: dict[int, Interpreter] = {}
"""By the identity of the code, which is kept so that it stays one."""

drivers: dict[int, CodeType] = {}
"""Code of libraries that is one loop, although it asks for elements at several instructions."""

chains: dict[int, CodeType] = {}
"""Code of libraries that goes along what the user wrote in one expression, ``a.b.c``: no loop."""

workers: dict[int, CodeType] = {}
"""Code of libraries that runs in a thread what others have handed to it, one after the other."""

borders: dict[int, CodeType] = {}
"""Code of libraries that calls the application for a request: what is outside of it (middleware)
has no loop over what is inside."""

between: dict[int, CodeType] = {}
"""Code of ours that stands between a coroutine and who awaits it: no frame of anybody's."""

fronts: dict[int, CodeType] = {}
"""Those of them that do it once in a request: further out nobody needs to look."""


class Source(NamedTuple):
    """What the user wrote in another language and a library made code of: a template.

    ``lines`` has the template's line for lines of the code, from the last one to the first.
    What the user's own loops assign begins with ``variables``; others are the library's.
    """

    code: CodeType
    file: str
    name: str
    lines: Sequence[tuple[int, int]]
    variables: str

    def line(self, generated: int) -> int:
        """The line in the template for one in the code."""
        return next((line for line, since in self.lines if since <= generated), 1)


sources: dict[int, Source] = {}
"""By the identity of the code made of them."""

sourced: dict[str, Callable[[CodeType, Any], None]] = {}
"""What finds the source of code whose module has a global of that name, for ``sources``."""


UNKNOWN = -1
"""The depth of a frame around which nobody has looked yet."""


class Mark:
    """One activation of a function, as long as it runs.

    ``position`` is where ``outer`` (the frame around it) was when it made this call, and
    ``part`` what it worked on if it is an interpreter; ``at_once`` says that it waits for others
    at the same time, ``started`` that it may have started others before. Stands on its frame as
    ``f_trace``, which Python reads while a program is being debugged and not otherwise.
    """

    __slots__ = ("at_once", "code", "depth", "outer", "part", "position", "started")

    depth: int

    def __init__(
        self,
        code: CodeType,
        outer: "Stand | None" = None,
        *,
        at_once: bool = False,
        started: bool = False,
    ) -> None:
        self.code = code
        self.at_once = at_once
        self.started = started
        self.outer: Mark | None = None
        self.position: Position = 0
        self.part: Hashable = None
        self.is_in(outer)

    def is_in(self, outer: "Stand | None") -> None:
        """Say what is around the frame, and where that is."""
        depth = 0
        if outer is not None:
            self.outer, self.position, self.part = outer
            depth = outer.mark.depth
            depth = UNKNOWN if depth == UNKNOWN else depth + 1
        self.depth = depth  # last: another thread may look at it already

    @classmethod
    def alone(cls, code: CodeType) -> "Mark":
        """A mark of a frame around which nobody has looked yet."""
        mark = cls(code)
        mark.depth = UNKNOWN
        return mark

    def __call__(self, _frame: FrameType, _event: str, _value: object) -> None:
        """A debugger that was started inside of the frame asks for nothing here."""


class Stand(NamedTuple):
    """A frame and where it is: one step of the way out from a call."""

    mark: Mark
    position: Position
    part: Hashable

    def outwards(self) -> "Iterator[Stand]":
        """The frame and those around it, from the inside out."""
        stand: Stand | None = self
        while stand is not None:
            yield stand
            stand = stand.out()

    def out(self) -> "Stand | None":
        """The frame around this one, at its call."""
        mark = self.mark
        return None if mark.outer is None else Stand(mark.outer, mark.position, mark.part)


Foreign = dict[int, tuple[FrameType, Mark]]
"""Marks of frames that bear somebody else's ``f_trace`` (a debugger's, coverage's): those frames
are held until the trace ends."""


def position(frame: FrameType) -> Position:
    """Where ``frame`` is: what tells its calls apart."""
    code = frame.f_code
    at = frame.f_lasti
    if code.co_flags & ASYNC:
        at = _awaits(code).get(at, at)
    known = interpreters.get(id(code))
    if known is not None:
        return at, id(frame.f_locals.get(known.local))
    return (0, 0) if id(code) in drivers else at


def part(frame: FrameType) -> Hashable:
    """What ``frame`` works on, if it is an interpreter and the user wrote that."""
    known = interpreters.get(id(frame.f_code))
    return None if known is None else known.read(frame.f_locals)


def stand(frame: FrameType, foreign: Foreign) -> tuple[Stand, list[FrameType]]:
    """Where the call is that ``frame`` is at, with the frames that have not been met before.

    Goes on where a task, thread or greenlet began, and ends where a framework calls the
    application. Marks the frames around it up to the first one that has a mark: all beyond have
    one too. Costs 0.4 microseconds a frame.

    What is around a mark never changes once that is known, and lies less deep: no way out ends
    where it began, whatever other threads do meanwhile.
    """
    fresh: list[FrameType] = []
    seen: set[FrameType] = set()
    together: set[FrameType] = set()
    started: FrameType | None = None
    outer: Stand | None = None
    each: FrameType | None = frame
    beyond: list[FrameType] = []
    while each is not None and len(fresh) < MAX_FRAMES:
        mark = _mark(each, foreign)
        if mark is not None and mark.depth != UNKNOWN:
            outer = Stand(mark, position(each), part(each))
            break
        if each in seen:  # who waits is no longer suspended, and leads to itself
            break
        seen.add(each)
        fresh.append(each)
        if beyond:
            each = beyond.pop()
            continue
        code, back = each.f_code, around(each)
        if sourced:
            _find_source(each)
        if not (
            back is None
            or id(back.f_code) in workers
            or (code.co_flags & ASYNC and not back.f_code.co_flags & RESUMABLE)
        ):
            each = None if id(code) in fronts else back
            continue
        found = _beyond(each)
        if found is None:
            each = back
            continue
        if found.started is not None:
            outer, started = found.started, each if found.at_once else None
            break
        if found.at_once:
            together.add(each)
        beyond = list(reversed(found.frames))
        each = beyond.pop()
    return _marked(fresh, outer, foreign, together, started), fresh


def around(frame: FrameType) -> FrameType | None:
    """The frame that called ``frame``, or awaits it."""
    back = frame.f_back
    while back is not None and id(back.f_code) in between:
        back = back.f_back
    return back


def _marked(
    fresh: Sequence[FrameType],
    outer: Stand | None,
    foreign: Foreign,
    together: Container[FrameType],
    started: FrameType | None,
) -> Stand:
    """Mark frames from the inside out, the outermost of which is in ``outer``; the innermost."""
    for each in reversed(fresh):
        mark = _mark(each, foreign)
        if mark is not None and mark.depth == UNKNOWN:
            mark.is_in(outer)
        elif mark is None:
            mark = Mark(each.f_code, outer, at_once=each in together, started=each is started)
            if each.f_trace is None:
                each.f_trace = mark
            else:
                foreign[id(each)] = each, mark
        outer = Stand(mark, position(each), part(each))
    assert outer is not None  # there is at least one frame
    return outer


def _find_source(frame: FrameType) -> None:
    """Find of what the code of ``frame`` was made, if one of ``sourced`` knows."""
    for name, find in sourced.items():
        made_by = dict.get(frame.f_globals, name)
        if made_by is not None and id(frame.f_code) not in sources:
            if len(sources) >= MAX_SOURCES:
                sources.clear()
            find(frame.f_code, made_by)


@per_code
def _awaits(code: CodeType) -> dict[int, int]:
    """Where a coroutine stands while it is suspended -> where it does while what it awaits runs."""
    found = {}
    send = None
    for step in dis.get_instructions(code):
        if step.opname == "SEND":
            send = step.offset
        elif step.opname in {"YIELD_VALUE", "RESUME"} and send is not None:
            found[step.offset] = send
        else:
            send = None
    return found


def _mark(frame: FrameType, foreign: Foreign) -> Mark | None:
    found = frame.f_trace
    if found is None or type(found) is Mark:
        return found
    known = foreign.get(id(frame))
    return None if known is None else known[1]


def _beyond(frame: FrameType) -> Beyond | None:
    """Who waits for what has this outermost frame, if that is known."""
    for hop in hops:
        beyond = hop(frame)
        if beyond is not None and (beyond.frames or beyond.started):
            return beyond
    return None


def is_loops_own(code: CodeType) -> bool:
    """Whether ``code`` is the event loop's, which calls every task alike.

    The coroutines of asyncio are not: whoever awaits ``wait`` or a queue has called them.
    """
    return is_asyncios(code) and not code.co_flags & ASYNC


def is_asyncios(code: CodeType) -> bool:
    """Whether ``code`` is asyncio's own."""
    return code.co_filename.startswith(_ASYNCIO)


def is_same(code: CodeType, one: Position, two: Position) -> bool:
    """Whether two positions of ``code`` are one place in its source.

    The test of a ``while`` is compiled twice: for the first pass, and for those after it. And
    what CPython has specialised stands behind its instruction, no longer on it.
    """
    if one == two:
        return True
    if isinstance(one, tuple) and isinstance(two, tuple):
        return one[1] == two[1] and is_same(code, one[0], two[0])
    if isinstance(one, tuple) or isinstance(two, tuple):
        return False
    places = _places(code)
    return one in places and places[one] == places.get(two)


@per_code
def _places(code: CodeType) -> dict[int, tuple[object, ...]]:
    """Where in the source each instruction and its cache stand, and what it does."""
    does = {step.offset: step.opname.removeprefix("PRE") for step in dis.get_instructions(code)}
    found: dict[int, tuple[object, ...]] = {}
    does_now = ""
    for i, place in enumerate(code.co_positions()):
        does_now = does.get(2 * i, does_now)  # 3.11 calls in two instructions, PRECALL and CALL
        if None not in place:
            found[2 * i] = (does_now, *place)
    return found


def is_threads_own(code: CodeType) -> bool:
    """Whether ``code`` is that of a thread, which does what others have given to it."""
    return code is _THREAD or id(code) in workers


class Meeting(NamedTuple):
    """The innermost activation around two calls, and where it was at either of them."""

    mark: Mark
    first: Position
    second: Position
    inner: Mark | None
    """What it had called at the second one; None where that was made by itself."""


def meeting(first: Stand, second: Stand) -> Meeting | None:
    """Where the ways out from two calls meet. Costs 0.2 microseconds a frame up to there.

    Calls in two threads meet where threads begin: somebody has started both.
    """
    one, first_at = first.mark, first.position
    two, second_at = second.mark, second.position
    inner: Mark | None = None
    while one is not two:
        if one.depth >= two.depth:
            if one.outer is None:
                if one.code is _THREAD and two.code is _THREAD:
                    break
                return None
            first_at, one = one.position, one.outer
        else:
            if two.outer is None:
                return None
            second_at, inner, two = two.position, two, two.outer
    return Meeting(two, first_at, second_at, inner)
