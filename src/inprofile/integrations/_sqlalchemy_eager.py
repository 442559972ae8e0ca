"""What SQLAlchemy loads with objects, and whether anybody reads it: for recordings that ask.

Only what the options of a statement ask for: what a class always loads is nobody's mistake here.

The objects of a result are looked at when they have been made, with all that was loaded for them.
What is asked of them later comes by the attributes of their classes.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial, wraps
from itertools import chain
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

from inprofile.core import eager
from inprofile.core.application import application
from inprofile.core.eager import Eager
from inprofile.core.guard import guard
from inprofile.core.model import Span
from inprofile.core.recorder import recording
from inprofile.core.repeats import asked
from inprofile.integrations._signature import Function
from inprofile.integrations._sqlalchemy_code import Step, named, steps_of

OPTIONS = {
    "joined": "joinedload",
    "selectin": "selectinload",
    "subquery": "subqueryload",
}
"""Strategies that load for all rows at once -> the functions that ask for them."""

BELOW = ("sqlalchemy", "inprofile", "contextlib", "asyncio")
"""Whose frames say nothing of who asks for objects."""

_loaded: WeakKeyDictionary[Any, dict[str, list[Eager]]] = WeakKeyDictionary()
"""What was loaded at once for an object, by the state that SQLAlchemy gives each."""

_MISSING = object()


@dataclass(slots=True)
class _Node:
    """One relationship that is loaded at once, and those that are loaded with it."""

    key: str
    eager: Eager | None = None
    inner: dict[str, "_Node"] = field(default_factory=dict)


def loading(original: Function) -> Function:
    """For ``instances``, which makes the objects of a result."""

    @wraps(original)
    def instances(cursor: Any, context: Any) -> Any:
        result = original(cursor, context)
        span = recording()
        if span is not None:
            with guard:
                _watch(span, sys._getframe(1), context, result)  # noqa: SLF001 - who asks
        return result

    return instances


def _watch(span: Span, frame: FrameType, context: Any, result: Any) -> None:
    """Look at the objects of a result of the application's."""
    options = context.load_options
    is_own = options._lazy_loaded_from is None and options._refresh_state is None  # noqa: SLF001
    if not is_own or context.top_level_context is not None:
        return
    if getattr(context.query, "_for_update_arg", None) is not None:
        return  # what is joined is locked, too
    paths = _asked_for(context)
    if not paths:
        return
    at = asked(span, frame)
    line = None if at is None else (id(at.mark.code), at.position, at.part)
    roots: dict[Any, _Node] = {}
    for keys, path in sorted(paths.items(), key=lambda each: len(each[0])):
        holder = path.holder
        if not (application.owns_class(holder.class_) or application.calls(frame, BELOW)):
            continue
        node = roots.setdefault(holder, _Node(""))
        outer = None
        for key in keys[1:]:
            outer = node.eager or outer
            node = node.inner.setdefault(key, _Node(key))
        found = eager.loaded(span, (line, keys[0]), keys, path.relation, at)
        if found is None:
            return
        node.eager = found
        found.outer, found.statement = outer, eager.statement(span)
        found.kept = path.code
        if path.is_whole:
            found.code = path.code
    if roots:
        result.chunks = partial(_seen, result.chunks, roots)
        result.iterator = chain.from_iterable(result.chunks(result._yield_per))  # noqa: SLF001


Keys = tuple[str, ...]
"""The class that a path begins with, and the names of its relationships."""


@dataclass(slots=True)
class _Path:
    """Relationships that an option of a statement goes along, the last of which it loads at once.

    ``holder`` is the mapper of the class that it begins with, ``code`` what the application wrote
    so far, ``is_whole`` whether that was all.
    """

    holder: Any
    relation: str
    code: str
    is_whole: bool


def _asked_for(context: Any) -> dict[Keys, _Path]:
    """The relationships that the options of a statement load at once."""
    entities = [getattr(one, "mapper", None) for one in context.compile_state._entities]  # noqa: SLF001
    found: dict[Keys, _Path] = {}
    for option in context.query._with_options:  # noqa: SLF001
        known: dict[Keys, tuple[list[Step], str]] = {}
        for element in getattr(option, "context", ()):
            steps = _as_used(steps_of(element.path), entities)
            if steps and all(hasattr(prop, "uselist") for _, prop in steps):
                keys = (_name(steps[0][0]), *(prop.key for _, prop in steps))
                known[keys] = steps, _option(element)
        for keys, (steps, option_name) in known.items():
            if option_name not in OPTIONS.values():
                continue
            names = [known[each][1] if each in known else "defaultload" for each in _begins(keys)]
            is_whole = not any(len(one) > len(keys) and one[: len(keys)] == keys for one in known)
            if keys not in found or is_whole:
                owner, prop = steps[-1]
                relation, code = f"{named(owner)}.{prop.key}", _code(steps, names)
                found[keys] = _Path(steps[0][0].mapper, relation, code, is_whole)
    return found


def _as_used(steps: list[Step], entities: list[Any]) -> list[Step]:
    """Those that begin with the class that is selected, where it inherits the relationship."""
    if not steps:
        return steps
    (holder, prop), *others = steps
    used = [one for one in entities if one is not None and one.isa(holder.mapper)]
    return [(used[0], prop), *others] if used and holder.mapper not in used else steps


def _begins(keys: Keys) -> Iterator[Keys]:
    return (keys[:length] for length in range(2, len(keys) + 1))


def _name(entity: Any) -> str:
    kind = entity.mapper.class_
    return f"{kind.__module__}.{kind.__qualname__}"


def _option(element: Any) -> str:
    """What asks for an element of an option; "defaultload" for what loads nothing at once."""
    if "eager_from_alias" in element.local_opts:
        return "contains_eager"  # which reads what the statement has joined for reasons of its own
    strategy = dict(element.strategy or ()).get("lazy")
    return OPTIONS.get(strategy, "defaultload") if type(strategy) is str else "defaultload"


def _code(steps: list[Step], names: list[str]) -> str:
    return ".".join(
        f"{name}({named(holder)}.{prop.key})"
        for name, (holder, prop) in zip(names, steps, strict=True)
    )


# Its objects


def _seen(
    chunks: Callable[[Any], Iterable[Any]], roots: dict[Any, _Node], size: int | None
) -> Iterator[Any]:
    for rows in chunks(size):
        with guard:
            seen: set[tuple[int, int]] = set()
            for row in rows:
                for one in row if type(row) is tuple else (row,):
                    state = _state(one)
                    for holder, node in () if state is None else roots.items():
                        if state.manager.mapper.isa(holder):
                            _note(one, state, node, seen)
        yield rows


def _note(one: Any, state: Any, node: _Node, seen: set[tuple[int, int]]) -> None:
    """Take note of what an object has of what was to be loaded for it."""
    if (id(state), id(node)) in seen:
        return
    seen.add((id(state), id(node)))
    values = object.__getattribute__(one, "__dict__")
    for key, inner in node.inner.items():
        value = dict.get(values, key, _MISSING)
        if value is _MISSING:
            continue
        related = list(_objects(value))
        if inner.eager is not None:
            known = _loaded.setdefault(state, {}).setdefault(key, [])
            if inner.eager not in known:
                known.append(inner.eager)
            inner.eager.rows += bool(related)
        for each in related:
            its = _state(each)
            if its is not None:
                _note(each, its, inner, seen)


def _objects(value: Any) -> Iterable[Any]:
    """The objects of a relationship; of a collection of somebody's own class none is known."""
    if isinstance(value, list):
        return list.__iter__(value)
    if isinstance(value, set):
        return set.__iter__(value)
    if isinstance(value, dict):
        return dict.values(value)
    return () if value is None else (value,)


def _state(one: Any) -> Any:
    try:
        return object.__getattribute__(one, "__dict__").get("_sa_instance_state")
    except AttributeError:
        return None


# Who reads them


def reading(original: Function) -> Function:
    """For InstrumentedAttribute.__get__, by which every attribute of an object is read."""

    @wraps(original)
    def get(self: Any, instance: Any, owner: Any) -> Any:
        if instance is not None:
            with guard:
                _read(_state(instance), self.key)
        return original(self, instance, owner)

    return get


def merging(original: Function) -> Function:
    """For RelationshipProperty.merge, which copies what an object has."""

    @wraps(original)
    def merge(self: Any, session: Any, source_state: Any, *args: Any, **kwargs: Any) -> Any:
        with guard:
            _read(source_state, self.key)
        return original(self, session, source_state, *args, **kwargs)

    return merge


def cascading(original: Function) -> Function:
    """For RelationshipProperty.cascade_iterator: what is deleted takes others with it."""

    @wraps(original)
    def cascade_iterator(self: Any, type_: Any, state: Any, *args: Any, **kwargs: Any) -> Any:
        if type_ == "delete":
            with guard:
                _read(state, self.key)
        return original(self, type_, state, *args, **kwargs)

    return cascade_iterator


def flushing(original: Function) -> Function:
    """For UOWTransaction.get_attribute_history, which asks what has to be written for an object."""

    @wraps(original)
    def get_attribute_history(self: Any, state: Any, key: Any, *args: Any, **kwargs: Any) -> Any:
        with guard:
            _read(state, key)
        return original(self, state, key, *args, **kwargs)

    return get_attribute_history


def pickling(original: Function) -> Function:
    """For InstanceState.__getstate__: what is pickled or copied is all read."""

    @wraps(original)
    def getstate(self: Any) -> Any:
        with guard:
            for key in list(_loaded.get(self, ())):
                _read(self, key)
        return original(self)

    return getstate


def _read(state: Any, key: str) -> None:
    known = None if state is None else _loaded.get(state)
    for each in () if known is None else known.get(key, ()):
        each.read()
