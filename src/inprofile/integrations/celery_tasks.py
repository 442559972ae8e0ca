"""Celery's tasks: each try is a trace of its own, and a span where it runs in somebody's trace."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from functools import wraps
from typing import Any

from inprofile.core.guard import guard
from inprofile.core.model import Attributes, Span, Trace
from inprofile.core.recorder import Recorder, close_span, current, open_span, working
from inprofile.integrations._patch import Patch
from inprofile.integrations._signature import Function
from inprofile.integrations.celery import HEADER, queued_ns, read

FAILURE = "FAILURE"

_under_way: ContextVar[object] = ContextVar("inprofile_task", default=None)
"""The request of the try that is measured: a second wrapper of ours, below another tool's, lets
it pass."""


def takes(app: object) -> bool:
    """Whether ``app`` is a Celery application."""
    base = sys.modules.get("celery.app.base")
    return base is not None and isinstance(app, base.Celery)


class Tasks:
    """The tasks of every Celery application in this process.

    All pools, and eager tasks, meet in the tracer that Celery builds for each task: it catches
    what the task raises, acts on it and says what became of it. Its calls alone are wrapped: the
    task, its ``run`` and its ``__call__`` stay as they are, and so does what Celery does with
    them. Signals would miss the time before and after them, and a failing receiver is logged as
    the user's. ``recorder`` is asked for at each task, as tracers outlive us; ``close`` writes
    what waits in a child of the prefork pool, which ends without Python's own exit.
    """

    def __init__(self, recorder: Callable[[], Recorder | None], close: Callable[[], None]) -> None:
        self._recorder = recorder
        self._close = close

    @property
    def patches(self) -> dict[str, tuple[Patch, ...]]:
        """What makes Celery ask."""
        tracer = Patch("build_tracer", self._build_tracer)
        return {
            "celery.app.trace": (tracer,),
            "celery.worker.consumer.consumer": (tracer,),  # has it by name
            "celery.concurrency.prefork": (Patch("process_destructor", self._ending),),
        }

    def _build_tracer(self, original: Function) -> Function:
        from billiard.exceptions import SoftTimeLimitExceeded

        guard.lets_through = SoftTimeLimitExceeded  # raised wherever the task is, so maybe in us

        @wraps(original)
        def build_tracer(name: Any, task: Any, *args: Any, **kwargs: Any) -> Any:
            tracer = original(name, task, *args, **kwargs)
            with guard:
                return self._traced(tracer, str(name))
            return tracer

        return build_tracer

    def _traced(self, tracer: Function, name: str) -> Function:
        @wraps(tracer)
        def trace_task(uuid: Any, args: Any, kwargs: Any, request: Any = None) -> Any:
            before, recorder = _under_way.get(), self._recorder()
            if type(request) is not dict or request is before:
                return tracer(uuid, args, kwargs, request)
            # Ours goes before the task can see it: its request.headers stay what they were.
            header = request.pop(HEADER, None)
            if recorder is None or not recorder.enabled:
                return tracer(uuid, args, kwargs, request)
            _under_way.set(request)
            try:
                parent = working()
                if parent is not None and request.get("is_eager"):
                    return _as_span(parent, name, tracer, uuid, args, kwargs, request)
                return _as_trace(recorder, name, header, tracer, uuid, args, kwargs, request)
            finally:
                _under_way.set(before)

        return trace_task

    def _ending(self, original: Function) -> Function:
        @wraps(original)
        def process_destructor(pid: Any, exitcode: Any) -> Any:
            try:
                return original(pid, exitcode)
            finally:
                with guard:
                    self._close()

        return process_destructor


def _as_trace(recorder: Recorder, name: str, header: object, tracer: Function, *call: Any) -> Any:
    """A try in a worker, or an eager one that nobody measures."""
    outside = current.get()
    trace = _begin(recorder, name, header, call[-1])
    try:
        result = tracer(*call)
    except BaseException as error:
        _finish(recorder, trace, None, error)
        raise
    else:
        _finish(recorder, trace, result, None)
        return result
    finally:
        if trace.leave is not None:
            trace.leave()
        current.set(outside)


def _finish(recorder: Recorder, trace: Trace, result: Any, error: BaseException | None) -> None:
    with suppress(Exception):  # a time limit that strikes now: the task is over
        with guard:
            _conclude(trace.root, result, error)
        recorder.finish(trace)


def _begin(recorder: Recorder, name: str, header: object, request: Any) -> Trace:
    trace = recorder.begin("task")
    trace.route = f"task:{name}"
    root = trace.root
    root.name = name
    try:
        root.attributes = _retries(request)
        sent = read(header)
        if sent is not None:
            trace.link, trace.origin = sent.link, sent.origin
            trace.queue_ns = queued_ns(sent, request.get("eta"), time.time())
    except Exception as error:
        guard.caught(error)
    recorder.enter(trace)
    return trace


def _retries(request: Any) -> Attributes | None:
    retries = request.get("retries")
    return {"celery.retries": retries} if type(retries) is int and retries else None


def _as_span(parent: Span, name: str, tracer: Function, *call: Any) -> Any:
    """An eager task runs inside of the call that sent it."""
    span = open_span(parent, "handler", name, _retries(call[-1]))
    try:
        result = tracer(*call)
        with guard:
            _conclude(span, result, None)
    except BaseException as error:
        with guard:
            _conclude(span, None, error)
        raise
    else:
        return result
    finally:
        close_span(span)


def _conclude(span: Span, result: Any, error: BaseException | None) -> None:
    """Note what became of a try: what Celery calls a failure is one, a retry is not.

    ``result`` is the tracer's, whose ``info`` is None after a success; ``error`` is what it raised
    instead.
    """
    if error is not None:
        state = _state(error)
        if state == FAILURE:
            span.error = type(error).__name__
        _mark_state(span, state)
        return
    info = result.info
    if info is None:
        return
    _mark_state(span, info.state)
    if info.state == FAILURE:
        span.error = type(info.retval).__name__


def _state(error: BaseException) -> str:
    """What Celery makes of a try that raises this."""
    from celery.exceptions import Ignore, Reject, Retry

    states = (Retry, "RETRY"), (Ignore, "IGNORED"), (Reject, "REJECTED")
    return next((state for kind, state in states if isinstance(error, kind)), FAILURE)


def _mark_state(span: Span, state: str) -> None:
    span.attributes = {**(span.attributes or {}), "celery.state": state}
