"""Who awaits an asyncio task: where a stack goes on that ends in the event loop.

asyncio keeps it where nobody is meant to look (a task's callbacks), so each way of waiting is
pinned by a test. Read for the first repeats of an operation alone.
"""

import asyncio
import contextlib
import functools
import gc
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType
from typing import Any

from inprofile.core.frames import ASYNC, Beyond, Stand, hops
from inprofile.core.recorder import current

MAX_DEPTH = 500
"""Awaitables within each other that are followed."""

MAX_TASKS = 32
"""Tasks that wait for each other that are followed."""


LOOKS, LOOK_S = 20, 0.00005
"""How often, and after how many seconds each, a task is looked at that is about to wait."""

waits: ContextVar[Any] = ContextVar("inprofile_waits", default=None)
"""The task that waits for this thread, given to it by those who hand work to threads."""


class Started:
    """Where a task was started. Tasks that it starts itself inherit this, and it is not theirs."""

    __slots__ = ("stand", "task")

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.task: Any = None


started: ContextVar[Started | None] = ContextVar("inprofile_started", default=None)
"""Where this task or one around it was started, if that was by a TaskGroup."""


called: ContextVar[Stand | None] = ContextVar("inprofile_called", default=None)
"""Where synchronous code waits for the event loop that runs this."""

handed = threading.local()
"""``stand``: where the work of this thread was handed to it, if that is known; ``trace``: a
reference to the trace that did so.
"""


def beyond(frame: FrameType) -> Beyond | None:
    """Who waits for the task or thread that ``frame`` is the outermost of."""
    task = current_task()
    in_thread = task is None
    if task is None:
        task = waits.get()
        if task is None:
            return _handed()
    waited: Any = task
    for _ in range(MAX_TASKS):
        if waited is None:
            break
        if getattr(waited.get_coro(), "cr_frame", None) is frame:
            return _awaiting(waited)
        waited = next((one for one, _ in _waiting(waited) if one is not waited), None)
    if not in_thread or frame.f_code.co_flags & ASYNC:
        return None  # or a coroutine that is driven by hand
    return Beyond(_suspended(task))


def _suspended(task: Any) -> list[FrameType]:
    """The frames of a task that waits for this thread, or is about to: a thread may be quicker."""
    for _ in range(LOOKS):
        found = frames(task)
        if found or task.done():
            return found
        time.sleep(LOOK_S)
    return []


def _handed() -> Beyond | None:
    stand, span = getattr(handed, "stand", None), current.get()
    if stand is None or span is None or handed.trace() is not span.trace:
        return None
    return Beyond(started=stand)


def _awaiting(task: Any) -> Beyond | None:
    where = started.get()
    if where is not None and where.task is task:
        return Beyond(started=where.stand, at_once=True)
    for waiting, at_once in _waiting(task):
        if waiting is not task:
            return Beyond(frames(waiting), at_once=at_once)
    caller = called.get()
    return None if caller is None else Beyond(started=caller)


def current_task() -> Any | None:
    """The running asyncio task of this thread, or None."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def frames(task: Any) -> list[FrameType]:
    """The frames of a task that is suspended, from the inside out; none if it runs or is done."""
    found: list[FrameType] = []
    awaited: object = task.get_coro()
    if getattr(awaited, "cr_running", False):
        return found
    for _ in range(MAX_DEPTH):
        frame, awaited = _step(awaited)
        if frame is not None:
            found.append(frame)
        if awaited is None:
            break
    return found[::-1]


def _step(awaitable: object) -> tuple[FrameType | None, object]:
    """The frame of what is awaited, and what that awaits."""
    if isinstance(awaitable, CoroutineType):
        return awaitable.cr_frame, awaitable.cr_await
    if isinstance(awaitable, AsyncGeneratorType):
        return awaitable.ag_frame, awaitable.ag_await
    if isinstance(awaitable, GeneratorType):
        return awaitable.gi_frame, awaitable.gi_yieldfrom
    if type(awaitable).__name__ in {"async_generator_asend", "coroutine_wrapper"}:
        # What it goes on with is known to the collector alone.
        inner = (CoroutineType, AsyncGeneratorType, GeneratorType)
        return None, next(
            (one for one in gc.get_referents(awaitable) if isinstance(one, inner)), None
        )
    return None, None


def _waiting(future: Any, depth: int = 0) -> Iterator[tuple[Any, bool]]:
    """The tasks that the callbacks of a future lead to, and whether they wait for several."""
    for callback in getattr(future, "_callbacks", None) or ():
        function = callback[0] if isinstance(callback, tuple) else callback
        owner = getattr(function, "__self__", None)
        if isinstance(owner, asyncio.Task):
            yield owner, False
        elif isinstance(getattr(owner, "_parent_task", None), asyncio.Task):  # a TaskGroup
            yield owner._parent_task, True  # type: ignore[union-attr]  # noqa: SLF001
        elif depth < 3:  # noqa: PLR2004 - gather in shield in wait_for
            at_once = _is_of_several(function)
            for inner in _futures(function):
                if inner is future:
                    continue
                if isinstance(inner, asyncio.Task):
                    yield inner, at_once
                for task, others in _waiting(inner, depth + 1):
                    yield task, at_once or others


def _futures(function: Any) -> Iterator[Any]:
    """The futures that a callback is about to make done."""
    held = list(function.args) if isinstance(function, functools.partial) else []  # wait_for
    for cell in getattr(function, "__closure__", None) or ():
        with contextlib.suppress(ValueError):
            held.append(cell.cell_contents)
    held.append(getattr(getattr(function, "__self__", None), "_done", None))
    for value in held:
        if asyncio.isfuture(value):
            yield value
        elif type(value) is asyncio.Queue:  # as_completed
            yield from value._getters  # type: ignore[attr-defined]  # noqa: SLF001


def _is_of_several(function: Any) -> bool:
    """Whether a callback belongs to what waits for more than one: gather, wait, as_completed."""
    name = getattr(function, "__qualname__", "")
    if name.startswith("gather."):
        code, cells = function.__code__, function.__closure__
        count = dict(zip(code.co_freevars, cells, strict=True)).get("nfuts")
        return count is None or count.cell_contents != 1
    return name.startswith(("_wait.", "as_completed.", "_AsCompletedIterator."))


hops.append(beyond)
