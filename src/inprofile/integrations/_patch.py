"""The only timing wrapper: what an integration says is timed and shielded here."""

import functools
import sys
from asyncio import _get_running_loop
from collections.abc import Callable, Iterable
from inspect import iscoroutinefunction
from typing import NamedTuple

from inprofile.core.guard import guard
from inprofile.core.model import Attributes, Location, Span
from inprofile.core.recorder import current, fold_closed, folded_span, unfold
from inprofile.core.sync_calls import on_loop
from inprofile.integrations._signature import Function, Signature

Named = tuple[str | Location, Attributes | None]
Describe = Callable[..., Named | None]
"""Names a call from those of its arguments that it declares, by the original's names for them;
None leaves it untimed."""

Wrap = Callable[[Function], Function]
Begun = Callable[..., None]
"""Sees the span and the arguments that it declares, of a call that is about to be made."""

Finished = Callable[..., None]
"""Sees the span, the result and the arguments that it declares, of a call that returned."""


class Patch(NamedTuple):
    """Replace ``module.path`` by ``wrap(original)``; a missing ``optional`` one is no error.

    One that only ``reads`` leaves the original where it is: ``wrap`` takes note of its code.
    """

    path: str
    wrap: Wrap
    optional: bool = False
    reads: bool = False


WAITING = frozenset({"db", "cache", "http"})
"""Kinds whose operations wait for somebody else."""

# What open_span and close_span do stands here without the calls: this is the price of every
# recorded operation of every library.
_TIMED = """
{async_}def {name}({parameters}):
    _parent = _current_get()
    if _parent is None or _parent.trace.finished{or_leaf}:
        return {await_}_original({arguments})
    _span = None
    try:
        _named = {named}
        if _named is not None:
            _trace = _parent.trace
            _clock = _trace.clock
            _span = _Span(_trace, _parent, _kind, _named[0], _named[1], _clock())
{on_loop}{begun}    except Exception as _error:
        _caught(_error)
    if _span is None:
        return {await_}_original({arguments})
    _current_set(_span)
    try:
        _result = {await_}_original({arguments})
{finished}        return _result
    except BaseException as _error:
        _span.error = type(_error).__name__
        raise
    finally:
        _current_set(_parent)
        if not _trace.finished:
            _span.end_ns = _clock()
            if len(_trace.spans) < _trace.limit:
                _trace.spans.append(_span)
            else:
                _fold_closed(_span)
"""


_ON_LOOP = """\
            if _running() is not None:
                _on_loop(_span, _getframe(1))
"""

_BEGUN = """\
            {call}
"""

_FINISHED = """\
        try:
            {call}
        except Exception as _error:
            _caught(_error)
"""


def timed(
    kind: str,
    describe: Describe | str,
    *,
    leaf: bool = False,
    begun: Begun | None = None,
    finished: Finished | None = None,
    waits: bool | None = None,
) -> Wrap:
    """A wrapper that records each call inside of a trace as a span of ``kind``.

    ``begun`` is called before the library is, ``finished`` after it. ``leaf`` calls inside
    of one of their own kind are left alone: the driver below an ORM, the transport below a
    client. ``waits`` says that a synchronous one keeps an event loop waiting if it runs on its
    thread, which is noted; databases, caches and outbound requests do. Only our own part is
    shielded; the library's call is not.
    """
    holds = kind in WAITING if waits is None else waits
    given = describe if callable(describe) else None

    def wrap(original: Function) -> Function:
        signature = Signature(original, describe, begun, finished)
        starts = signature.call("_begun", begun, "_span")
        told = signature.call("_finished", finished, "_span", "_result")
        return signature.compiled(
            _TIMED,
            {
                "or_leaf": " or _parent.kind == _kind" if leaf else "",
                "named": signature.call("_describe", describe)
                if callable(describe)
                else "_describe",
                "on_loop": "" if not holds or iscoroutinefunction(original) else _ON_LOOP,
                "begun": _BEGUN.format(call=starts) if begun else "",
                "finished": _FINISHED.format(call=told) if finished else "",
            },
            {
                "_kind": kind,
                "_describe": given or (describe, None),
                "_begun": begun,
                "_finished": finished,
                "_current_get": current.get,
                "_current_set": current.set,
                "_caught": guard.caught,
                "_Span": Span,
                "_fold_closed": fold_closed,
                "_running": _get_running_loop,
                "_on_loop": on_loop,
                "_getframe": sys._getframe,  # noqa: SLF001 - who calls
            },
        )

    return wrap


_FOLDED = """
{async_}def {name}({parameters}):
    _parent = _current_get()
    if _parent is None or _parent.trace.finished or _parent.kind in _within:
        return {await_}_original({arguments})
    _trace, _target = _parent.trace, None
    try:
        _named = {named}
        if _named is not None:
            _target = _folded_span(_parent, _kind, *_named)
    except Exception as _error:
        _caught(_error)
    if _target is None:
        return {await_}_original({arguments})
    _clock = _trace.clock
    _before, _folds, _moved_ns = len(_trace.spans), _trace.folds, _target.moved_ns
    _attributes = _target.attributes
    _current_set(_target)
    _start_ns = _clock()
    try:
        return {await_}_original({arguments})
    finally:
        _current_set(_parent)
        _length_ns = _clock() - _start_ns
        if len(_trace.spans) - _before == _trace.folds - _folds:
            _target.count += 1
            _target.moved_ns += _length_ns
            _parent.moved_ns -= _length_ns
        else:
            _unfold(_target, _before, _moved_ns, _attributes, _start_ns, _length_ns)
"""


def folded(
    kind: str, describe: Describe, *, leaf: bool = True, part_of: Iterable[str] = ()
) -> Wrap:
    """A wrapper for calls made thousands of times: repeats share one span with a count.

    Only a call in which other spans were recorded becomes a span of its own. Inside of a span
    that it is ``part_of``, and for a ``leaf`` of its own kind, a call is left alone.
    """

    def wrap(original: Function) -> Function:
        names = {
            "_kind": kind,
            "_within": frozenset({kind, *part_of} if leaf else part_of),
            "_describe": describe,
            "_current_get": current.get,
            "_current_set": current.set,
            "_folded_span": folded_span,
            "_unfold": unfold,
            "_caught": guard.caught,
        }
        signature = Signature(original, describe)
        parts = {"named": signature.call("_describe", describe)}
        return signature.compiled(_FOLDED, parts, names)

    return wrap


_FETCHING = """
{async_}def {name}({parameters}):
    _parent = _current_get()
    if _parent is None or _parent.trace.finished or _parent.kind == "db":
        return {await_}_original({arguments})
    _trace, _taker = _parent.trace, None
    try:
        _last = _trace.last_statement
        if _last is not None and _last[0] is {key}:
            _taker = _last[1]
        else:
            _named = {named}
            if _named is not None:
                _taker = _folded_span(_parent, "db", *_named)
    except Exception as _error:
        _caught(_error)
    if _taker is None:
        return {await_}_original({arguments})
    _clock = _trace.clock
    _current_set(_taker)
    _start_ns = _clock()
    try:
        return {await_}_original({arguments})
    finally:
        _length_ns = _clock() - _start_ns
        _parent.moved_ns -= _length_ns
        _taker.moved_ns += _length_ns
        _current_set(_parent)
"""


def fetching(key_of: Callable[..., object], named: Describe) -> Wrap:
    """A wrapper for fetches: their time goes to the statement whose rows they get.

    ``key_of`` gives the key under which the statement was remembered in
    ``trace.last_statement``, ``named`` what it is called when it was not, or None to leave it
    untimed (both are called with those of the fetch's arguments that they declare). A fetch is
    no operation of its own: it adds time, not a count. The driver's own fetch below sees the
    statement as current and leaves it at that.
    """

    def wrap(original: Function) -> Function:
        names = {
            "_current_get": current.get,
            "_current_set": current.set,
            "_key_of": key_of,
            "_named_by": named,
            "_folded_span": folded_span,
            "_caught": guard.caught,
        }
        signature = Signature(original, key_of, named)
        parts = {
            "key": signature.call("_key_of", key_of),
            "named": signature.call("_named_by", named),
        }
        return signature.compiled(_FETCHING, parts, names)

    return wrap


def qualified(function: object) -> str:
    """The name by which people know a callable; that of its function for a partial."""
    name = getattr(function, "__qualname__", None)
    if isinstance(function, functools.partial):
        return qualified(function.func)
    return name if isinstance(name, str) else type(function).__qualname__
