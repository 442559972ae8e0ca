"""Which lines of the application loaded which rows of which model: where a fix belongs."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any, NamedTuple

from inprofile.core.application import application
from inprofile.core.awaiting import beyond
from inprofile.core.frames import borders, workers
from inprofile.core.model import Location, Span
from inprofile.integrations.django_relations import Relation, loading, related, relations

MAX_LOADS = 500
"""Lines that load rows, remembered of one trace."""

MAX_OUT = 16
"""Frames of libraries that are passed on the way to the application's line."""

ENDS = (borders, workers)
"""Further out than these is middleware, or who has handed the work to a thread."""

MAX_STEPS = 8
"""Relations followed from a row back to the rows of a loop."""

SINGLE = frozenset(("get", "first", "last", "earliest", "latest"))
"""Methods that load one row: a loop is not over those."""


@dataclass(slots=True)
class Load:
    """A line that loads rows of ``model``; through the relation of other rows, if there is one.

    ``joined`` and ``prefetched`` are the paths that are loaded with them, ``deferred`` the names
    of the columns that are left out or, where ``only``, alone loaded. ``single`` says that it
    is one row each time, ``last_ns`` when that was for the last time.
    """

    model: Any
    owner: Any
    relation: Relation | None
    code: CodeType | None
    instruction: int
    joined: Any
    prefetched: tuple[tuple[str, str], ...]
    names: frozenset[str]
    only: bool
    raw: bool
    single: bool
    last_ns: int
    asked: int
    varies: bool = False
    count: int = 1

    @property
    def location(self) -> Location | None:
        """The line; None where no code of the application was near."""
        code = self.code
        if code is None:
            return None
        line = code.co_firstlineno
        for start, end, number in code.co_lines():
            if start <= self.instruction < end and number:
                line = number
        names = [name for name in code.co_qualname.split(".") if not name.startswith("<")]
        return Location(code.co_filename, line, names[-1] if names else code.co_name)


class Way(NamedTuple):
    """How rows are reached: from the rows that ``load`` loads, along ``steps``.

    ``held`` are the steps that were loaded with them: "joined", "prefetched" or "" for those
    that are loaded one by one. ``outer`` is the way to the rows of the loop around.
    """

    load: Load | None
    steps: tuple[Relation, ...] = ()
    held: str = ""
    outer: "Way | None" = None


def evaluated(span: Span, self: Any) -> None:
    """Note that a queryset is evaluated. Costs 0.4 microseconds for a line that is known."""
    remember(span, self, sys._getframe(2))  # noqa: SLF001 - outside of this and the wrapper


def remember(span: Span, queryset: Any, frame: FrameType | None) -> None:
    """Note that a queryset is evaluated by the caller ``frame``."""
    trace = span.trace
    loads = trace.loads
    if loads is None:
        loads = trace.loads = {}
    found = application.caller(frame, MAX_OUT, ENDS)
    model = queryset.model
    code, instruction = (None, 0) if found is None else (found.f_code, found.f_lasti)
    key = id(code), instruction, id(model)
    load = loads.get(key)
    if load is not None:
        asked = id(queryset._hints.get("instance"))  # noqa: SLF001
        load.count += 1
        load.last_ns = span.start_ns
        load.varies = load.varies or load.asked != asked
        load.asked = asked
    elif len(loads) < MAX_LOADS:
        instance = queryset._hints.get("instance")  # noqa: SLF001
        owner = None if instance is None else type(instance)
        if found is None:
            found = _far(frame)
        loads[key] = _load(queryset, owner, found, frame, span.start_ns)


def _far(frame: FrameType | None) -> FrameType | None:
    """The application's frame far out, or of the coroutine that awaits the thread of ``frame``.

    None where a framework has called for a request: around that is middleware.
    """
    outermost = None
    while frame is not None and id(frame.f_code) not in workers:
        if application.owns(frame.f_code):
            return frame
        if id(frame.f_code) in borders:
            return None
        outermost, frame = frame, frame.f_back
    waiting = None if outermost is None else beyond(outermost)
    for one in () if waiting is None else waiting.frames:
        if application.owns(one.f_code):
            return one
    return None


def _load(
    queryset: Any, owner: Any, at: FrameType | None, frame: FrameType | None, now_ns: int
) -> Load:
    query = getattr(queryset, "_query", None)
    names, is_deferred = getattr(query, "deferred_loading", ((), True))
    is_single = False
    while frame is not None and frame is not at and not is_single:
        is_single = frame.f_code.co_name in SINGLE
        frame = frame.f_back
    return Load(
        queryset.model,
        owner,
        None if query is None else _relation(queryset, owner),
        None if at is None else at.f_code,
        0 if at is None else at.f_lasti,
        getattr(query, "select_related", False),
        tuple(_prefetched(queryset._prefetch_related_lookups)),  # noqa: SLF001
        frozenset(names),
        not is_deferred,
        query is None,
        is_single,
        now_ns,
        id(queryset._hints.get("instance")),  # noqa: SLF001
    )


def _prefetched(lookups: Any) -> Iterator[tuple[str, str]]:
    for lookup in lookups:
        if type(lookup) is str:
            yield lookup, lookup
        else:
            yield lookup.prefetch_through, lookup.prefetch_to


def _relation(queryset: Any, owner: Any) -> Relation | None:
    about = loading.get()
    if about is not None and type(about[0]) is tuple:
        name = about[0][-1]
        for model in [owner] if owner is not None else _models(queryset, about[0]):
            return relations(model).get(name)
    return related(queryset)


def _models(queryset: Any, subject: Any) -> Iterator[Any]:
    for model in queryset.model._meta.apps.get_models():  # noqa: SLF001
        if (model.__module__, model.__qualname__) == subject[:2]:
            yield model


def way(
    loads: dict[Any, Load] | None, model: Any, source: str = "", after: str = "", now_ns: int = 0
) -> Way:
    """How the rows of ``model`` were reached that a loop is at; the latest such way.

    ``source`` is the text of the query and ``after`` the attribute that it reads of them, which
    tells two ways apart that lead to one model. What began at ``now_ns`` is the query's own.
    """
    known = [load for load in (loads or {}).values() if load.last_ns != now_ns]
    return _way(known, model, source, after, frozenset())


def _way(loads: list[Load], model: Any, source: str, after: str, passed: frozenset[int]) -> Way:
    found = [one for one in _ways(loads, model) if id(one.load) not in passed]
    likely = [one for one in found if _is_likely(one)] or found
    named = [
        one
        for one in likely
        if (last := _last(one)) and f".{last}.{after}" in source.replace(" ", "")
    ]
    if len(likely) > 1 and len(named) < len(likely):
        likely = named or [one for one in likely if one.steps or not _last(one)] or likely
    if not likely:
        return Way(None)
    best = max(likely, key=_rank)
    load = best.load
    if load is None or load.relation is None or len(passed) >= MAX_STEPS:
        return best
    step = load.relation
    outer = _way(loads, step.owner, source, step.name, passed | {id(load)})
    if step.is_many:
        return best._replace(outer=outer._replace(steps=(*outer.steps, step)))
    return outer._replace(steps=(*outer.steps, step, *best.steps), held=outer.held or best.held)


def _rank(way: Way) -> tuple[bool, int, int]:
    assert way.load is not None
    is_known = not way.steps or way.steps[-1].target is not None
    return is_known, way.load.last_ns, -len(way.steps)


def _last(way: Way) -> str:
    """The attribute by which the last step was made."""
    if way.steps:
        return way.steps[-1].name
    return way.load.relation.name if way.load and way.load.relation else ""


def _is_likely(way: Way) -> bool:
    return way.load is not None and (way.load.count > 1 or not way.load.single)


def _ways(loads: list[Load], model: Any) -> Iterator[Way]:
    concrete = _concrete(model)
    for load in loads:
        if load.owner is not None and load.relation is None:
            continue  # a row that is read again
        if _concrete(load.model) is concrete:
            yield Way(load)
        if type(load.joined) is dict:
            for steps in _joined(load.model, load.joined):
                if _concrete(steps[-1].target) is concrete:
                    yield Way(load, steps, "joined")
        seen = set()
        for through, to in load.prefetched:
            for steps in _followed(load.model, through, to):
                names = tuple(step.name for step in steps)
                target = steps[-1].target
                if names not in seen and (target is None or _concrete(target) is concrete):
                    seen.add(names)
                    yield Way(load, steps, "prefetched")


def _concrete(model: Any) -> Any:
    return None if model is None else model._meta.concrete_model  # noqa: SLF001


def _joined(model: Any, tree: dict[str, Any]) -> Iterator[tuple[Relation, ...]]:
    known = {one.lookup: one for one in relations(model).values()}
    for name, inner in tree.items():
        step = known.get(name)
        if step is not None and step.target is not None:
            yield (step,)
            for steps in _joined(step.target, inner):
                yield (step, *steps)


def _followed(model: Any, through: str, to: str) -> Iterator[tuple[Relation, ...]]:
    """The steps of a prefetch, by the attributes that it sets; a generic one leads anywhere."""
    steps: tuple[Relation, ...] = ()
    for name, attribute in zip(through.split("__"), to.split("__"), strict=False):
        step = None if model is None else relations(model).get(name)
        if step is None:
            return
        steps, model = (*steps, step._replace(name=attribute)), step.target
        yield steps
