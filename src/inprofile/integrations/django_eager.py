"""Which rows Django loads with others, and whether anybody reads them: for recordings that ask.

A row keeps what was loaded with it in two dicts: in that of its state what a foreign key leads to,
in another one the querysets of its managers. Here both become dicts that take note of reads.
"""

import sys
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from copy import deepcopy
from functools import partial, wraps
from types import FrameType
from typing import Any

from inprofile.core import eager
from inprofile.core.application import application
from inprofile.core.eager import Eager
from inprofile.core.frames import Stand
from inprofile.core.guard import guard
from inprofile.core.model import Span
from inprofile.core.recorder import recording
from inprofile.core.repeats import asked
from inprofile.integrations._signature import Function

MAX_IN = 12
"""Frames between a prefetch and the cache of a row that it goes through."""

BELOW = ("django.db", "asgiref", "inprofile", "contextlib", "concurrent", "threading", "asyncio")
"""Whose frames say nothing of who asks for rows."""

PREFETCHED = "_prefetched_objects_cache"

_within: ContextVar[Eager | None] = ContextVar("inprofile_within", default=None)
"""The relation whose rows are being prefetched."""


class Read(dict[str, Any]):
    """A cache of a row that tells the ``eager`` loads of its names when they are read.

    A copy or a pickle of it is a plain dict, and a read of everything.
    """

    __slots__ = ("eager",)

    def __init__(self, cache: dict[str, Any]) -> None:
        super().__init__(cache)
        self.eager: dict[str, Eager] = {}

    def _read(self, name: object) -> None:
        found = self.eager.get(name) if type(name) is str else None
        if found is not None and not found.is_read and not _is_prefetching():
            found.read()

    def _all(self) -> None:
        for name in self.eager:
            self._read(name)

    def __getitem__(self, name: str) -> Any:
        self._read(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """As a dict's."""
        self._read(name)
        return super().get(name, default)

    def pop(self, name: str, *default: Any) -> Any:
        """As a dict's."""
        self._read(name)
        return super().pop(name, *default)

    def popitem(self) -> tuple[str, Any]:
        """As a dict's."""
        self._all()
        return super().popitem()

    def setdefault(self, name: str, default: Any = None) -> Any:
        """As a dict's."""
        self._read(name)
        return super().setdefault(name, default)

    def __setitem__(self, name: str, value: Any) -> None:
        self.eager.pop(name, None)  # from here on it is not what was loaded
        super().__setitem__(name, value)

    def __iter__(self) -> Iterator[str]:
        self._all()  # what makes a dict of it reads by this
        return super().__iter__()

    def values(self) -> Any:
        """As a dict's."""
        self._all()
        return super().values()

    def items(self) -> Any:
        """As a dict's."""
        self._all()
        return super().items()

    def copy(self) -> dict[str, Any]:
        """A plain dict."""
        self._all()
        return dict(super().items())

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        memo[id(self)] = plain
        plain.update((name, deepcopy(value, memo)) for name, value in self.copy().items())
        return plain

    def __reduce_ex__(self, _protocol: object) -> Any:
        return dict, (), None, None, iter(self.copy().items())


def _is_prefetching() -> bool:
    """Whether a prefetch goes along here, on its way to what it loads."""
    frame: FrameType | None = sys._getframe(3)  # noqa: SLF001 - who reads
    for _ in range(MAX_IN):
        if frame is None or application.owns(frame.f_code):
            return False
        if frame.f_code.co_name == "prefetch_related_objects":
            return True
        frame = frame.f_back
    return False


def _watch(caches: dict[str, Any], which: str, name: str, found: Eager) -> Any:
    """From now on take note of reads of a name in one of a row's caches; what it holds."""
    cache = caches.get(which)
    if type(cache) is dict:
        cache = caches[which] = Read(cache)
    if type(cache) is not Read or name not in cache:
        return None
    cache.eager[name] = found
    return dict.get(cache, name)


# What is joined


def joining(original: Function) -> Function:
    """For get_related_populators, which says what fills the rows that a queryset joins."""

    @wraps(original)
    def populators(klass_info: Any, *args: Any, **kwargs: Any) -> Any:
        found = original(klass_info, *args, **kwargs)
        span = recording()
        frame = sys._getframe(1)  # noqa: SLF001 - who asks
        queryset = frame.f_locals.get("queryset") if found and span is not None else None
        if queryset is not None:  # else they are those within others
            with guard:
                assert span is not None
                _join(span, frame, queryset, klass_info, found)
        return found

    return populators


def _join(span: Span, frame: FrameType, queryset: Any, info: Any, populators: list[Any]) -> None:
    query = queryset.query
    named = query.select_related
    if type(named) is not dict:
        return  # it asks for all there are, not for this one
    if query.select_for_update or query.extra_tables or _has_own_sql(query):
        return  # what is joined is locked, too, or somebody has written SQL that needs it
    at = asked(span, frame)
    if _is_asked_by_application(frame, queryset.model):
        within = _within.get()
        joins = _Joins(span, _load(at, queryset.model, within), at)
        joins.follow(queryset.model, info, populators, named, within)


def _has_own_sql(query: Any) -> bool:
    return any(type(one).__name__ == "ExtraWhere" for one in query.where.children)


class _Joins:
    """What one queryset joins."""

    def __init__(self, span: Span, load: eager.Load, at: Stand | None) -> None:
        self.span = span
        self.load = load
        self.at = at
        self.statement = eager.statement(span)

    def follow(
        self,
        model: Any,
        info: Any,
        populators: list[Any],
        named: dict[str, Any],
        outer: Eager | None,
        path: tuple[str, ...] = (),
        lookups: tuple[str, ...] = (),
    ) -> None:
        """Put our populators in the place of Django's."""
        for i, (inner, populator) in enumerate(
            zip(info.get("related_klass_infos", ()), list(populators), strict=True)
        ):
            if type(inner["remote_setter"]) is partial:
                continue  # a filtered relation, which is an attribute like others
            name = inner["local_setter"].__self__.cache_name
            field = inner["field"]
            lookup = field.related_query_name() if inner["reverse"] else field.name
            way, written = (*path, name), (*lookups, lookup)
            found = eager.loaded(self.span, self.load, way, f"{model.__name__}.{name}", self.at)
            if found is None:
                return
            found.outer, found.statement = outer, self.statement
            found.kept = _select(written)
            further = named.get(lookup) or {}
            if not further:
                found.code = found.kept
            populators[i] = _Populator(populator, name, found)
            self.follow(
                inner["model"], inner, populator.related_populators, further, found, way, written
            )


def _select(lookups: tuple[str, ...]) -> str:
    return f'select_related("{"__".join(lookups)}")'


class _Populator:
    """One of Django's, which fills the cache of a row with what was joined to it."""

    __slots__ = ("_eager", "_name", "_populator")

    def __init__(self, populator: Any, name: str, found: Eager) -> None:
        self._populator = populator
        self._name = name
        self._eager = found

    def populate(self, row: Any, from_obj: Any) -> None:
        """Fill one row, and count it."""
        self._populator.populate(row, from_obj)
        with guard:
            state = vars(from_obj._state)  # noqa: SLF001
            if _watch(state, "fields_cache", self._name, self._eager) is not None:
                self._eager.rows += 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._populator, name)


# What is prefetched


def prefetching(original: Function) -> Function:
    """For prefetch_one_level, which loads one relation for all rows at once."""

    @wraps(original)
    def prefetch_one_level(instances: Any, prefetcher: Any, lookup: Any, level: Any) -> Any:
        span = recording()
        found = None
        if span is not None:
            with guard:
                found = _prefetched(span, sys._getframe(1), instances[0], lookup, level)  # noqa: SLF001 - who asks
        if found is None:
            return original(instances, prefetcher, lookup, level)
        assert span is not None
        before = span.trace.last_statement
        outside = _within.get()
        _within.set(found)
        try:
            result = original(instances, prefetcher, lookup, level)
        finally:
            _within.set(outside)
        with guard:
            if span.trace.last_statement is not before:
                found.statement = eager.statement(span)
            name = _name(lookup, level)
            _fill(instances, getattr(prefetcher, "prefetch_cache_name", name), name, found)
        return result

    return prefetch_one_level


def _prefetched(span: Span, frame: FrameType, first: Any, lookup: Any, level: int) -> Eager | None:
    """What is about to be prefetched; None for what nobody can see the reads of, a list."""
    values, caller = frame.f_locals, frame.f_back
    given = values.get("related_lookups")
    if given is None or caller is None or lookup.get_current_to_attr(level)[1]:
        return None
    if caller.f_code.co_name == "fetch_many":
        return None  # rows that fetch for their peers: somebody reads one
    queryset = caller.f_locals.get("self") if caller.f_code.co_name in QUERYSETS else None
    model = None if queryset is None else queryset.model
    if not _is_asked_by_application(frame, type(first)):
        return None
    at = asked(span, frame)
    load = _load(at, model, _within.get())
    path = tuple(lookup.get_current_prefetch_to(level).split("__"))
    relation = f"{type(first).__name__}.{_name(lookup, level)}"
    found = eager.loaded(span, load, path, relation, at)
    if found is None:
        return None
    outer = (span.trace.eager or {}).get((load, path[:-1]))
    found.outer = outer if outer is not None else _within.get()
    found.code, found.kept = _codes(lookup, level, given, is_direct=queryset is None)
    return found


QUERYSETS = frozenset(("_prefetch_related_objects", "_iterator", "aiterator"))
"""Methods by which querysets prefetch."""


def _codes(lookup: Any, level: int, given: Any, *, is_direct: bool) -> tuple[str, str]:
    """What asks for the last step of a lookup ("" at another one), and for this step alone."""
    steps = lookup.prefetch_through.split("__")
    written = _written(lookup.prefetch_through, [_to(one) for one in given])
    before = len(steps) - len(written.split("__"))
    code, kept = (
        f'prefetch_related_objects(..., "{path}")' if is_direct else f'prefetch_related("{path}")'
        for path in (written, "__".join(steps[before : level + 1]))
    )
    if lookup.queryset is not None:
        code = code.replace(f'"{written}"', f'Prefetch("{written}", ...)')
    return code if level == len(steps) - 1 else "", kept


def _name(lookup: Any, level: int) -> str:
    return str(lookup.prefetch_through.split("__")[level])


def _to(lookup: Any) -> str:
    return lookup if type(lookup) is str else str(lookup.prefetch_to)


def _written(through: str, given: list[str]) -> str:
    """What the application wrote for a lookup: one of a queryset within begins there."""
    if through in given:
        return through
    outer = [one for one in given if through.startswith(f"{one}__")]
    return through[len(max(outer, key=len)) + 2 :] if outer else through


def _fill(instances: Iterable[Any], cache_name: str, name: str, found: Eager) -> None:
    """Watch the caches that were filled."""
    seen: set[int] = set()
    for one in instances:
        if id(one) in seen:
            continue
        seen.add(id(one))
        own = vars(one)
        many = _watch(own, PREFETCHED, cache_name, found)
        if many is not None:
            found.rows += bool(many._result_cache)  # noqa: SLF001
        elif _watch(vars(own["_state"]), "fields_cache", name, found) is not None:
            found.rows += 1


# Who asks


def _load(at: Stand | None, model: Any, within: Eager | None) -> eager.Load:
    """What tells a query from others: its line, what it is of, and within what it is run."""
    kind = None if model is None else (model.__module__, model.__qualname__)
    line = None if at is None else (id(at.mark.code), at.position, at.part)
    return line, kind, None if within is None else (within.load, within.relation)


def _is_asked_by_application(frame: FrameType | None, model: type) -> bool:
    """Whether it is for the application to take the eager load away.

    It is where rows are of its own classes, and where its own code uses the queryset.
    """
    return application.owns_class(model) or (frame is not None and application.calls(frame, BELOW))
