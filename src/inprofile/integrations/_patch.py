"""The only timing wrapper: what an integration says is timed, shielded and put in place here.

A wrapper is a plain function with the original's own parameters, written out and compiled
once. An idle call costs 0.1 microseconds, where an object proxy takes 0.3 and ``*args,
**kwargs`` 0.2; a statement passed by keyword arrives by its name; signature, pickling and
being a coroutine function stay as they were.
"""

import ast
import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import CodeType, ModuleType
from typing import Any, NamedTuple

from wrapt import register_post_import_hook, resolve_path

from inprofile.core.guard import guard
from inprofile.core.model import Attributes, Location, Span
from inprofile.core.recorder import current, fold_closed, folded_span, unfold

Function = Callable[..., Any]
Named = tuple[str | Location, Attributes | None]
Describe = Callable[..., Named | None]
"""Names a call from those of its arguments that it declares, by the original's names for them;
None leaves it untimed."""

OURS = "<inprofile (importlib._bootstrap)>"
"""The file that our frames seem to be of: one that ``warnings`` and ``logging`` leave out when
they count ``stacklevel``, which they do for the import system's and nobody else's."""

Wrap = Callable[[Function], Function]
Finished = Callable[..., None]
"""Sees the span, the result and the arguments that it declares, of a call that returned."""


class Patch(NamedTuple):
    """Replace ``module.path`` by ``wrap(original)``; a missing ``optional`` one is no error."""

    path: str
    wrap: Wrap
    optional: bool = False


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
    except Exception as _error:
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


_FINISHED = """\
        try:
            {call}
        except Exception as _error:
            _caught(_error)
"""


def timed(
    kind: str, describe: Describe | str, *, leaf: bool = False, finished: Finished | None = None
) -> Wrap:
    """A wrapper that records each call inside of a trace as a span of ``kind``.

    ``leaf`` calls inside of one of their own kind are left alone: the driver below an ORM,
    the transport below a client. Only our own part is shielded; the library's call is not.
    """
    given = describe if callable(describe) else None

    def wrap(original: Function) -> Function:
        signature = _Signature(original)
        told = signature.call("_finished", finished, "_span", "_result")
        return signature.compiled(
            _TIMED,
            {
                "or_leaf": " or _parent.kind == _kind" if leaf else "",
                "named": signature.call("_describe", describe)
                if callable(describe)
                else "_describe",
                "finished": _FINISHED.format(call=told) if finished else "",
            },
            {
                "_kind": kind,
                "_describe": given or (describe, None),
                "_finished": finished,
                "_current_get": current.get,
                "_current_set": current.set,
                "_caught": guard.caught,
                "_Span": Span,
                "_fold_closed": fold_closed,
            },
        )

    return wrap


class _Signature:
    """The parameters of a function as source text: to declare, and to pass on unchanged."""

    def __init__(self, original: Function) -> None:
        self.original = original
        self.defaults: dict[str, Any] = {}
        self.known: set[str] = set()
        try:
            parameters = inspect.signature(original, follow_wrapped=False).parameters.values()
        except ValueError:  # written in C and silent about it
            self.parameters = self.arguments = "*args, **kwargs"
            return
        self.known = {parameter.name for parameter in parameters}
        self.parameters = ", ".join(self._declared(list(parameters)))
        self.arguments = ", ".join(_passed(parameter) for parameter in parameters)

    def _declared(self, parameters: list[inspect.Parameter]) -> Iterable[str]:
        marked = False
        for i, parameter in enumerate(parameters):
            if parameter.kind is parameter.VAR_POSITIONAL:
                marked = True
            if parameter.kind is parameter.KEYWORD_ONLY and not marked:
                marked = True
                yield "*"
            prefix = _PREFIX.get(parameter.kind, "")
            if parameter.default is parameter.empty:
                yield prefix + parameter.name
            else:
                self.defaults[f"_default{i}"] = parameter.default
                yield f"{parameter.name}=_default{i}"
            is_last = i + 1 == len(parameters) or parameters[i + 1].kind != parameter.kind
            if parameter.kind is parameter.POSITIONAL_ONLY and is_last:
                yield "/"

    def call(self, name: str, hook: Function | None, *first: str) -> str:
        """A call of ``hook`` with ``first`` and those arguments that it declares by name.

        Below somebody else's wrapper the names may be unknown: then they are bound, slowly.
        """
        if hook is None:
            return ""
        wanted = list(inspect.signature(hook).parameters.values())[len(first) :]
        if all(parameter.name in self.known for parameter in wanted):
            return f"{name}({', '.join([*first, *map(_passed, wanted)])})"
        self.defaults[f"_{name}"] = functools.partial(_bound, self.original, hook, len(first))
        return f"_{name}({', '.join([*first, self.arguments])})"

    def compiled(self, template: str, parts: dict[str, str], names: dict[str, Any]) -> Function:
        """The function that ``template`` becomes with this signature, seen as the original."""
        is_coroutine = inspect.iscoroutinefunction(self.original)
        name = getattr(self.original, "__name__", "call")
        source = template.format(
            name=name if name.isidentifier() else "call",
            parameters=self.parameters,
            arguments=self.arguments,
            async_="async " if is_coroutine else "",
            await_="await " if is_coroutine else "",
            **parts,
        )
        scope = {**names, **self.defaults, "_original": self.original}
        exec(self._code(source), scope)  # noqa: S102 - our own template
        wrapper: Function = scope[name if name.isidentifier() else "call"]
        return functools.wraps(self.original)(wrapper)

    def _code(self, source: str) -> CodeType:
        """Code that nobody takes for the caller's.

        In ``logging`` it seems to stand where the original does: handlers that look for its
        caller leave out the frames of its file alone. What another tool put there has no code.
        """
        original = getattr(self.original, "__code__", None)
        if original is None or self.original.__module__ != "logging":
            return compile(source, OURS, "exec")
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.stmt | ast.expr | ast.arg | ast.keyword | ast.excepthandler):
                node.lineno = node.end_lineno = original.co_firstlineno
        return compile(tree, original.co_filename, "exec")


_PREFIX: dict[Any, str] = {
    inspect.Parameter.VAR_POSITIONAL: "*",
    inspect.Parameter.VAR_KEYWORD: "**",
}


def _bound(original: Function, hook: Function, first: int, *args: Any, **kwargs: Any) -> Any:
    bound = inspect.signature(original).bind(*args[first:], **kwargs)
    bound.apply_defaults()
    wanted = list(inspect.signature(hook).parameters)[first:]
    return hook(*args[:first], **{name: bound.arguments[name] for name in wanted})


def _passed(parameter: inspect.Parameter) -> str:
    if parameter.kind is parameter.KEYWORD_ONLY:
        return f"{parameter.name}={parameter.name}"
    return _PREFIX.get(parameter.kind, "") + parameter.name


_FOLDED = """
{async_}def {name}({parameters}):
    _parent = _current_get()
    if _parent is None or _parent.trace.finished or _parent.kind == _kind:
        return {await_}_original({arguments})
    _trace, _target = _parent.trace, None
    try:
        _target = _folded_span(_parent, _kind, *{named})
    except Exception as _error:
        _caught(_error)
    if _target is None:
        return {await_}_original({arguments})
    _clock = _trace.clock
    _before, _moved_ns = len(_trace.spans), _target.moved_ns
    _current_set(_target)
    _start_ns = _clock()
    try:
        return {await_}_original({arguments})
    finally:
        _current_set(_parent)
        _length_ns = _clock() - _start_ns
        if len(_trace.spans) == _before:
            _target.count += 1
            _target.moved_ns += _length_ns
            _parent.moved_ns -= _length_ns
        else:
            _unfold(_target, _before, _moved_ns, _start_ns, _length_ns)
"""


def folded(kind: str, describe: Callable[..., Named]) -> Wrap:
    """A wrapper for calls made thousands of times: repeats share one span with a count.

    Only a call in which other spans were recorded becomes a span of its own.
    """

    def wrap(original: Function) -> Function:
        names = {
            "_kind": kind,
            "_describe": describe,
            "_current_get": current.get,
            "_current_set": current.set,
            "_folded_span": folded_span,
            "_unfold": unfold,
            "_caught": guard.caught,
        }
        signature = _Signature(original)
        parts = {"named": signature.call("_describe", describe)}
        return signature.compiled(_FOLDED, parts, names)

    return wrap


_FETCHING = """
def {name}({parameters}):
    _parent = _current_get()
    if _parent is None or _parent.trace.finished or _parent.kind == "db":
        return _original({arguments})
    _trace, _taker = _parent.trace, None
    try:
        _last = _trace.last_statement
        if _last is not None and _last[0] is {key}:
            _taker = _last[1]
        else:
            _taker = _folded_span(_parent, "db", *{named})
    except Exception as _error:
        _caught(_error)
    if _taker is None:
        return _original({arguments})
    _clock = _trace.clock
    _current_set(_taker)
    _start_ns = _clock()
    try:
        return _original({arguments})
    finally:
        _length_ns = _clock() - _start_ns
        _parent.moved_ns -= _length_ns
        _taker.moved_ns += _length_ns
        _current_set(_parent)
"""


def fetching(key_of: Callable[..., object], named: Callable[..., Named]) -> Wrap:
    """A wrapper for fetches: their time goes to the statement whose rows they get.

    ``key_of`` gives the key under which the statement was remembered in
    ``trace.last_statement``, ``named`` what it is called when it was not (both are called
    with those of the fetch's arguments that they declare). A fetch is no operation of its own:
    it adds time, not a count. The driver's own fetch below sees the statement as current and
    leaves it at that.
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
        signature = _Signature(original)
        parts = {
            "key": signature.call("_key_of", key_of),
            "named": signature.call("_named_by", named),
        }
        return signature.compiled(_FETCHING, parts, names)

    return wrap


@dataclass(slots=True)
class _Placed:
    parent: Any
    attribute: str
    original: Any
    replacement: Any
    wrap: Wrap
    inherited: bool

    def remove(self) -> bool:
        """Put the original back, unless somebody else has wrapped our wrapper since."""
        if vars(self.parent).get(self.attribute) is not self.replacement:
            return False
        if self.inherited:
            delattr(self.parent, self.attribute)
        else:
            setattr(self.parent, self.attribute, self.original)
        return True


class Patcher:
    """Puts patches in place as their modules are imported, and takes them out again.

    What another tool has wrapped since stays in place, idle, and serves the next time.
    """

    def __init__(self) -> None:
        self.active = False
        self.missing: list[str] = []
        self._placed: dict[str, list[_Placed]] = {}
        self._replacements: dict[tuple[Function, Wrap], Function] = {}
        self._left: list[_Placed] = []
        self._table: dict[str, tuple[Patch, ...]] = {}

    @property
    def patched(self) -> list[str]:
        """The modules that have patches in place."""
        return sorted(self._placed)

    def install(self, table: Mapping[str, Iterable[Patch]]) -> None:
        """Patch the modules of ``table`` that are imported, and the others when they are."""
        self.active = True
        for name, patches in table.items():
            hooked = name in self._table
            self._table[name] = tuple(patches)
            if not hooked:
                register_post_import_hook(self._imported, name)
            elif name in sys.modules:
                self._imported(sys.modules[name])

    def remove(self) -> None:
        """Take every patch out; modules imported later stay as they are."""
        self.active = False
        self.missing.clear()
        for placed in self._placed.values():
            self._left += [one for one in reversed(placed) if not one.remove()]
        self._placed.clear()
        self._replacements.clear()

    def _imported(self, module: ModuleType) -> None:
        # An exception in here would make the app's own import fail.
        with guard:
            name = module.__name__
            if self.active and name not in self._placed:
                self._place(name, module, self._table[name])

    def _place(self, name: str, module: ModuleType, patches: tuple[Patch, ...]) -> None:
        """One function that several modules have by name gets one wrapper, in all of them."""
        placed = self._placed.setdefault(name, [])
        for patch in patches:
            with guard:
                try:
                    parent, attribute, found = resolve_path(module, patch.path)
                except AttributeError:
                    if not patch.optional:
                        self.missing.append(f"{name}.{patch.path}")
                    continue
                inherited = attribute not in vars(parent)
                left = self._take_left(parent, attribute, patch.wrap)
                if left is not None and found is not left.original:
                    placed.append(left)
                    continue
                original, replacement = self._wrapped(found, patch.wrap)
                setattr(parent, attribute, replacement)
                placed.append(
                    _Placed(parent, attribute, original, replacement, patch.wrap, inherited)
                )

    def _take_left(self, parent: Any, attribute: str, wrap: Wrap) -> _Placed | None:
        """What was left there the last time, below somebody else's wrapper."""
        for one in self._left:
            if one.parent is parent and (one.attribute, one.wrap) == (attribute, wrap):
                self._left.remove(one)
                return one
        return None

    def _wrapped(self, found: Function, wrap: Wrap) -> tuple[Function, Function]:
        """The original and its wrapper; ``found`` is either, where it was imported by name."""
        below = getattr(found, "__wrapped__", None)
        if below is not None and self._replacements.get((below, wrap)) is found:
            return below, found
        replacement = self._replacements.get((found, wrap)) or wrap(found)
        self._replacements[found, wrap] = replacement
        return found, replacement


def qualified(function: object) -> str:
    """The name by which people know a callable; that of its function for a partial."""
    name = getattr(function, "__qualname__", None)
    if isinstance(function, functools.partial):
        return qualified(function.func)
    return name if isinstance(name, str) else type(function).__qualname__
