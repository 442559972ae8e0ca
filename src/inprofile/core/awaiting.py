"""Who awaits an asyncio task: where a stack goes on that ends in the event loop.

asyncio keeps it where nobody is meant to look (a task's callbacks), so each way of waiting is
pinned by a test. Read for the first repeats of an operation alone.
"""

import asyncio
import contextlib
import functools
import gc
from collections.abc import Iterator
from contextvars import ContextVar
from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType
from typing import Any
from weakref import ref

from inprofile.core.frames import ASYNC, RESUMABLE, Beyond, Stand, around, between, hops
from inprofile.core.steps import CODE, inside

MAX_NESTED = 3
"""Futures within each other: gather in shield in wait_for."""

TRIES = 3
"""A task that runs may be suspended while it is looked at, and the other way round."""

MAX_DEPTH = 500
"""Awaitables within each other that are followed."""


class Waiting:
    """Who waits for a thread: a task, and the frame of it that has handed over the work.

    ``over`` is to be called when that is done: a thread may keep the context it was given, and
    with it this, for ever.
    """

    __slots__ = ("frame", "task")

    def __init__(self, frame: FrameType) -> None:
        self.task = current_task()
        self.frame: FrameType | None = frame

    def over(self) -> None:
        """Let go of the frame."""
        self.task = self.frame = None


waits: ContextVar[Waiting | None] = ContextVar("inprofile_waits", default=None)
"""Who waits for this thread, given to it by those who hand work to threads."""


class Started:
    """Where a task was started. Tasks that it starts itself inherit this, and it is not theirs.

    ``in_group`` says that it was by a TaskGroup, which waits for all that it has started.
    """

    __slots__ = ("_task", "in_group", "stand")

    def __init__(self, stand: Stand, *, in_group: bool = False) -> None:
        self.stand = stand
        self.in_group = in_group
        self._task: Any = None

    @property
    def task(self) -> Any:
        """The task, once there is one, and for as long as there is."""
        return None if self._task is None else self._task()

    def is_of(self, task: Any) -> None:
        """Say which task it is; a task keeps its context, and with it this: it is not kept here."""
        self._task = ref(task)

    @property
    def is_open(self) -> bool:
        """Whether the task is about to be made."""
        return self._task is None


started: ContextVar[Started | None] = ContextVar("inprofile_started", default=None)
"""Where this task or one around it was started, if a loop may have started it."""


called: ContextVar[Stand | None] = ContextVar("inprofile_called", default=None)
"""Where synchronous code waits for the event loop that runs this, in another thread."""


def beyond(frame: FrameType) -> Beyond | None:
    """Who waits for the task or thread that ``frame`` is the outermost of."""
    task, waiter = current_task(), waits.get()
    if task is None and waiter is not None:
        task = waiter.task
        if not frame.f_code.co_flags & ASYNC:
            return _handed_over(waiter)
    if not frame.f_code.co_flags & ASYNC:
        return None
    for _ in range(MAX_DEPTH):
        if task is None:
            break
        if getattr(task.get_coro(), "cr_frame", None) is frame:
            return _awaiting(task)
        task = awaiter(task)
    return None


def _awaiting(task: Any) -> Beyond | None:
    where = started.get()
    if where is not None and where.task is task:
        at_once = where.in_group or all(several for _, several in _waiting(task))
        return Beyond(started=where.stand, at_once=at_once)
    for waiting, at_once in _waiting(task):
        if waiting is not task:
            return Beyond(frames(waiting), at_once=at_once)
    caller = called.get()
    return None if caller is None else Beyond(started=caller)


def _handed_over(waiter: Waiting) -> Beyond | None:
    """The frames of the task, which may run on for a moment when its thread has begun."""
    frame, task = waiter.frame, waiter.task
    if frame is None:
        return None
    if task is None:
        return Beyond([frame])
    for _ in range(TRIES):
        suspended = frames(task)
        if frame in suspended:
            return Beyond(suspended[suspended.index(frame) :])
        running = list(_running(frame))
        if running and running[-1] is getattr(task.get_coro(), "cr_frame", None):
            return Beyond(running)
    return Beyond([frame])


def _running(frame: FrameType) -> Iterator[FrameType]:
    """The frames of the task that runs ``frame``, from there outwards."""
    each: FrameType | None = frame
    while each is not None and each.f_code.co_flags & RESUMABLE:
        yield each
        each = around(each)


def current_task() -> Any | None:
    """The running asyncio task of this thread, or None."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def frames(task: Any) -> list[FrameType]:
    """The frames of a task that is suspended, from the inside out; none if it runs or is done."""
    return awaited(task.get_coro())


def awaited(awaitable: object) -> list[FrameType]:
    """The frames of what is suspended, from the inside out."""
    found: list[FrameType] = []
    for _ in range(MAX_DEPTH):
        frame, awaitable = _step(awaitable)
        if frame is not None:
            found.append(frame)
        if awaitable is None:
            break
    return found[::-1]


def _step(awaitable: object) -> tuple[FrameType | None, object]:
    """The frame of what is awaited, and what that awaits."""
    if isinstance(awaitable, CoroutineType):
        return awaitable.cr_frame, awaitable.cr_await
    if isinstance(awaitable, AsyncGeneratorType):
        return awaitable.ag_frame, awaitable.ag_await
    if isinstance(awaitable, GeneratorType):
        inner = inside(awaitable)
        return (awaitable.gi_frame, awaitable.gi_yieldfrom) if inner is None else (None, inner)
    if type(awaitable).__name__ in {"async_generator_asend", "coroutine_wrapper"}:
        # What it goes on with is known to the collector alone.
        kinds = (CoroutineType, AsyncGeneratorType, GeneratorType)
        return None, next(
            (one for one in gc.get_referents(awaitable) if isinstance(one, kinds)), None
        )
    return None, None


def awaiter(task: Any) -> Any | None:
    """The task that waits for ``task``: itself, in ``gather``, ``wait`` or a TaskGroup."""
    return next((waiting for waiting, _ in _waiting(task) if waiting is not task), None)


def _waiting(future: Any, depth: int = 0) -> Iterator[tuple[Any, bool]]:
    """The tasks that the callbacks of a future lead to, and whether they wait for several."""
    for callback in getattr(future, "_callbacks", None) or ():
        function = callback[0] if isinstance(callback, tuple) else callback
        owner = getattr(function, "__self__", None)
        if isinstance(owner, asyncio.Task):
            yield owner, False
        elif isinstance(getattr(owner, "_parent_task", None), asyncio.Task):  # a TaskGroup
            yield owner._parent_task, True  # type: ignore[union-attr]  # noqa: SLF001
        elif depth < MAX_NESTED:
            at_once = _is_of_several(function)
            for value in _held(function):
                if asyncio.isfuture(value) and value is not future:
                    if isinstance(value, asyncio.Task):
                        yield value, at_once
                    for task, others in _waiting(value, depth + 1):
                        yield task, at_once or others


def _held(function: Any) -> Iterator[object]:
    """What a callback knows: gather and wait have closures, wait_for (before 3.12) a partial."""
    if isinstance(function, functools.partial):
        yield from function.args
    known = [getattr(getattr(function, "__self__", None), "_done", None)]
    for cell in getattr(function, "__closure__", None) or ():
        with contextlib.suppress(ValueError):  # an empty one
            known.append(cell.cell_contents)
    for value in known:
        if type(value) is asyncio.Queue:  # as_completed
            yield from value._getters  # type: ignore[attr-defined]  # noqa: SLF001
        else:
            yield value


def _is_of_several(function: Any) -> bool:
    """Whether a callback belongs to what waits for more than one: gather, wait, as_completed."""
    name = getattr(function, "__qualname__", "")
    if name.startswith("gather."):
        names, cells = function.__code__.co_freevars, function.__closure__
        count = dict(zip(names, cells, strict=True)).get("nfuts")
        return count is None or count.cell_contents != 1
    return name.startswith(("_wait.", "as_completed.", "_AsCompletedIterator."))


hops.append(beyond)
between[id(CODE)] = CODE
