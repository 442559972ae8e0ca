"""Wrappers for what another one times: its steps, and what precedes and follows it."""

from collections.abc import Callable
from typing import Any

from inprofile.core.guard import guard
from inprofile.core.model import Span
from inprofile.core.recorder import current
from inprofile.integrations._patch import Wrap
from inprofile.integrations._signature import Function, Signature

_PREPARED = """
{async_}def {name}({parameters}):
    _span = _current_get()
    if _span is not None and _span.kind == _kind and not (_span.end_ns or _span.trace.finished):
        try:
            {prepare}
        except Exception as _error:
            _caught(_error)
    return {await_}_original({arguments})
"""


def prepared(kind: str, prepare: Callable[..., None]) -> Wrap:
    """A wrapper for a step of an operation of ``kind`` before which something is to be done.

    ``prepare`` gets the operation's open span and those of the call's arguments that it declares.
    """

    def wrap(original: Function) -> Function:
        names = {
            "_kind": kind,
            "_prepare": prepare,
            "_current_get": current.get,
            "_caught": guard.caught,
        }
        signature = Signature(original, prepare)
        parts = {"prepare": signature.call("_prepare", prepare, "_span")}
        return signature.compiled(_PREPARED, parts, names)

    return wrap


_CONTINUING = """
{async_}def {name}({parameters}):
    _parent = _current_get()
    if _parent is None or _parent.trace.finished or _parent.kind == _kind:
        return {await_}_original({arguments})
    _trace, _taker = _parent.trace, None
    try:
        _taker = {span_of}
    except Exception as _error:
        _caught(_error)
    if _taker is None:
        return {await_}_original({arguments})
    _clock = _trace.clock
    _current_set(_taker)
    _start_ns = _clock()
    try:
        return {await_}_original({arguments})
    except BaseException as _error:
        if not _trace.finished:
            _taker.error = type(_error).__name__
        raise
    finally:
        _current_set(_parent)
        if not _trace.finished:
            _length_ns = _clock() - _start_ns
            _parent.moved_ns -= _length_ns
            _taker.moved_ns += _length_ns
"""


def continuing(kind: str, span_of: Callable[..., Span | None]) -> Wrap:
    """A wrapper for calls that go on with an operation whose span is closed: reading a body.

    ``span_of`` gives that span for a trace and those of the call's arguments that it declares,
    or None to leave the call alone. The span gets the time, and the error if there is one.
    Inside of a span of ``kind`` nothing happens.
    """

    def wrap(original: Function) -> Function:
        names = {
            "_kind": kind,
            "_span_of": span_of,
            "_current_get": current.get,
            "_current_set": current.set,
            "_caught": guard.caught,
        }
        signature = Signature(original)
        parts = {"span_of": signature.call("_span_of", span_of, "_trace")}
        return signature.compiled(_CONTINUING, parts, names)

    return wrap


_NOTED = """
{async_}def {name}({parameters}):
    _span = _current_get()
    if _span is None or _span.kind != _kind{or_closed} or _span.trace.finished:
        return {await_}_original({arguments})
    _result = None
    _start_ns = _span.trace.clock()
    try:
        _result = {await_}_original({arguments})
        return _result
    finally:
        try:
            {note}
        except Exception as _error:
            _caught(_error)
"""


def noted(kind: str, note: Callable[..., None], *, folds: bool = False) -> Wrap:
    """A wrapper for a step of an operation of ``kind`` that is worth an attribute, not a span.

    ``note`` gets the operation's open span (one that stands for repeats, if it ``folds``),
    when the step began (in the trace's nanoseconds), what it returned (None when it failed)
    and those of the step's arguments that it declares.
    """

    def wrap(original: Function) -> Function:
        names = {
            "_kind": kind,
            "_note": note,
            "_current_get": current.get,
            "_caught": guard.caught,
        }
        signature = Signature(original, note)
        parts = {
            "or_closed": "" if folds else " or _span.end_ns",
            "note": signature.call("_note", note, "_span", "_start_ns", "_result"),
        }
        return signature.compiled(_NOTED, parts, names)

    return wrap


_MARKED = """
{async_}def {name}(*args, **kwargs):
    try:
        _mark(kwargs)
    except Exception as _error:
        _caught(_error)
    return {await_}_original(*args, **kwargs)
"""


def marked(mark: Callable[[dict[str, Any]], None]) -> Wrap:
    """A wrapper that lets ``mark`` add to the keyword arguments before each call.

    In a trace and outside of one, and whatever another tool has put around the original.
    """

    def wrap(original: Function) -> Function:
        names = {"_mark": mark, "_caught": guard.caught}
        return Signature(original).compiled(_MARKED, {}, names)

    return wrap
