"""The only timing wrapper: what an integration says is timed, shielded and put in place here.

The wrappers are plain functions with ``functools.wraps`` (same signature, same pickling, a
coroutine function stays one) rather than object proxies: an idle call costs 0.1 microseconds
instead of the 0.3 and more of a proxied method, and a recorded one 0.4 less.
"""

import functools
import inspect
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

from wrapt import register_post_import_hook, resolve_path

from inprofile.core.guard import guard
from inprofile.core.model import Attributes, Location, Span
from inprofile.core.recorder import close_span, current, fold, folded_span, move

Function = Callable[..., Any]
Named = tuple[str | Location, Attributes | None]
Describe = Callable[[tuple[Any, ...], dict[str, Any]], Named | None]
"""Names a call from its arguments (with ``self`` first); None leaves it untimed."""

Finished = Callable[[Span, tuple[Any, ...], Any], None]
"""Sees the span, the arguments and the result of a call that returned."""


class Patch(NamedTuple):
    """Replace ``module.path`` by ``wrap(original)``; a missing ``optional`` one is no error."""

    path: str
    wrap: Callable[[Function], Function]
    optional: bool = False


def timed(
    kind: str, describe: Describe | str, *, leaf: bool = False, finished: Finished | None = None
) -> Callable[[Function], Function]:
    """A wrapper that records each call inside of a trace as a span of ``kind``.

    ``leaf`` calls inside of one of their own kind are left alone: the driver below an ORM,
    the transport below a client. Only our own part is shielded; the library's call is not.
    """
    constant = (describe, None) if isinstance(describe, str) else None
    name_of = None if isinstance(describe, str) else describe

    def opened(parent: Span, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Span | None:
        try:
            named = constant if name_of is None else name_of(args, kwargs)
            if named is None:
                return None
            trace = parent.trace
            span = Span(trace, parent, kind, named[0], named[1], trace.clock())
            current.set(span)
            return span
        except Exception as error:
            guard.caught(error)
            return None

    def wrap(original: Function) -> Function:
        if inspect.iscoroutinefunction(original):

            @functools.wraps(original)
            async def coroutine(*args: Any, **kwargs: Any) -> Any:
                parent = current.get()
                if parent is None or parent.trace.finished or (leaf and parent.kind == kind):
                    return await original(*args, **kwargs)
                span = opened(parent, args, kwargs)
                if span is None:
                    return await original(*args, **kwargs)
                try:
                    result = await original(*args, **kwargs)
                    if finished is not None:
                        _tell(finished, span, args, result)
                    return result
                except BaseException as error:
                    span.error = type(error).__name__
                    raise
                finally:
                    close_span(span)

            return coroutine

        @functools.wraps(original)
        def plain(*args: Any, **kwargs: Any) -> Any:
            parent = current.get()
            if parent is None or parent.trace.finished or (leaf and parent.kind == kind):
                return original(*args, **kwargs)
            span = opened(parent, args, kwargs)
            if span is None:
                return original(*args, **kwargs)
            try:
                result = original(*args, **kwargs)
                if finished is not None:
                    _tell(finished, span, args, result)
                return result
            except BaseException as error:
                span.error = type(error).__name__
                raise
            finally:
                close_span(span)

        return plain

    return wrap


def _tell(finished: Finished, span: Span, args: tuple[Any, ...], result: Any) -> None:
    try:
        finished(span, args, result)
    except Exception as error:
        guard.caught(error)


def folded(kind: str, describe: Describe) -> Callable[[Function], Function]:
    """A wrapper for calls made thousands of times: repeats share one span with a count.

    The call is open as a span while it runs, so that what happens inside of it nests below.
    """

    def wrap(original: Function) -> Function:
        @functools.wraps(original)
        def plain(*args: Any, **kwargs: Any) -> Any:
            parent = current.get()
            if parent is None or parent.trace.finished or parent.kind == kind:
                return original(*args, **kwargs)
            clock = parent.trace.clock
            start_ns = clock()
            try:
                return original(*args, **kwargs)
            finally:
                end_ns = clock()
                try:
                    named = describe(args, kwargs)
                    if named is not None:
                        fold(parent, kind, named[0], start_ns, end_ns, named[1])
                except Exception as error:
                    guard.caught(error)

        return plain

    return wrap


def fetching(
    key_of: Callable[..., object], named: Callable[..., Named]
) -> Callable[[Function], Function]:
    """A wrapper for fetches: their time goes to the statement whose rows they get.

    ``key_of`` gives the key under which the statement was remembered in
    ``trace.last_statement``, ``named`` what it is called when it was not (both are called
    with the fetch's arguments). A fetch is no operation of its own: it adds time, not a count.
    """

    def statement(parent: Span, args: tuple[Any, ...]) -> Span | None:
        try:
            last = parent.trace.last_statement
            if last is not None and last[0] == key_of(*args):
                return last[1]
            return folded_span(parent, "db", *named(*args))
        except Exception as error:
            guard.caught(error)
            return None

    def wrap(original: Function) -> Function:
        @functools.wraps(original)
        def fetch(*args: Any, **kwargs: Any) -> Any:
            parent = current.get()
            if parent is None or parent.trace.finished or parent.kind == "db":
                return original(*args, **kwargs)
            taker = statement(parent, args)
            if taker is None:
                return original(*args, **kwargs)
            clock = parent.trace.clock
            current.set(taker)  # the driver's own fetch below is this one
            start_ns = clock()
            try:
                return original(*args, **kwargs)
            finally:
                move(parent, taker, clock() - start_ns)
                current.set(parent)

        return fetch

    return wrap


@dataclass(slots=True)
class _Placed:
    parent: Any
    attribute: str
    original: Any
    replacement: Any
    inherited: bool

    def remove(self) -> None:
        """Put the original back, unless somebody else has wrapped our wrapper since."""
        if vars(self.parent).get(self.attribute) is not self.replacement:
            return
        if self.inherited:
            delattr(self.parent, self.attribute)
        else:
            setattr(self.parent, self.attribute, self.original)


class Patcher:
    """Puts patches in place as their modules are imported, and takes them out again."""

    def __init__(self) -> None:
        self.active = False
        self.missing: list[str] = []
        self._placed: dict[str, list[_Placed]] = {}
        self._hooked: set[str] = set()

    @property
    def patched(self) -> list[str]:
        """The modules that have patches in place."""
        return sorted(self._placed)

    def install(self, table: dict[str, Iterable[Patch]]) -> None:
        """Patch the modules of ``table`` that are imported, and the others when they are."""
        self.active = True
        for name, patches in table.items():
            hook = self._hook(name, tuple(patches))
            if name in self._hooked:
                _run_now(name, hook)
            else:
                self._hooked.add(name)
                register_post_import_hook(hook, name)

    def remove(self) -> None:
        """Take every patch out; modules imported later stay as they are."""
        self.active = False
        for placed in self._placed.values():
            for one in reversed(placed):
                one.remove()
        self._placed.clear()

    def _hook(self, name: str, patches: tuple[Patch, ...]) -> Callable[[ModuleType], None]:
        def hook(module: ModuleType) -> None:
            # An exception in here would make the app's own import fail.
            with guard:
                if self.active and name not in self._placed:
                    self._place(name, module, patches)

        return hook

    def _place(self, name: str, module: ModuleType, patches: tuple[Patch, ...]) -> None:
        placed = self._placed.setdefault(name, [])
        for patch in patches:
            with guard:
                try:
                    parent, attribute, original = resolve_path(module, patch.path)
                except AttributeError:
                    if not patch.optional:
                        self.missing.append(f"{name}.{patch.path}")
                    continue
                inherited = attribute not in vars(parent)
                replacement = patch.wrap(original)
                setattr(parent, attribute, replacement)
                placed.append(_Placed(parent, attribute, original, replacement, inherited))


def _run_now(name: str, hook: Callable[[ModuleType], None]) -> None:
    """Run ``hook`` if the module is already there."""
    module = sys.modules.get(name)
    if module is not None:
        hook(module)


def qualified(function: object) -> str:
    """The name by which people know a callable."""
    name = getattr(function, "__qualname__", None)
    return name if isinstance(name, str) else type(function).__qualname__
