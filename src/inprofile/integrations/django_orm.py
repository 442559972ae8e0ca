"""Django's ORM: compiling queries and making objects of rows."""

import sys
from collections.abc import Iterator
from functools import wraps
from typing import Any

from inprofile.core.guard import guard
from inprofile.core.recorder import recording
from inprofile.integrations._about import About
from inprofile.integrations._patch import Named, Patch, folded, timed
from inprofile.integrations._reading import telling_apart
from inprofile.integrations._signature import Function
from inprofile.integrations.django_eager import joining, prefetching
from inprofile.integrations.django_loads import evaluated, remember
from inprofile.integrations.django_relations import generic, generic_one, to_one

_MISSING = object()


def _evaluated(self: Any) -> Named | None:
    """Names QuerySet._fetch_all, which each use of a queryset calls and the first one needs."""
    if self._result_cache is not None and (
        self._prefetch_done or not self._prefetch_related_lookups
    ):
        return None
    return self.model.__name__, None


def _compiled(self: Any) -> Named:
    model = self.query.model
    return "query" if model is None else model.__name__, None


def _saved(self: Any) -> Named:
    return type(self).__name__, None


def _of_model(self: Any) -> Named:
    return self.model.__name__, None


def _collected(self: Any) -> Named:
    """Names Collector.delete, for the first of the models that it deletes."""
    return next((model.__name__ for model in self.data), "delete"), None


@folded("orm", lambda: ("objects", None))
def _next_object(made: Iterator[Any]) -> Any:
    return next(made, _MISSING)


def _iterator(original: Function) -> Function:
    """Objects that are made one by one, when the next one is asked for."""

    @wraps(original)
    def iterator(self: Any, use_chunked_fetch: Any, chunk_size: Any) -> Any:
        objects = original(self, use_chunked_fetch, chunk_size)
        span = recording()
        if span is None:
            return objects
        with guard:
            remember(span, self, sys._getframe(1))  # noqa: SLF001 - who asks for them
        return _timed_objects(objects)

    return iterator


def _timed_objects(objects: Iterator[Any]) -> Iterator[Any]:
    while (made := _next_object(objects)) is not _MISSING:
        yield made


_execute = timed("orm", _compiled, leaf=True)

ABOUT = About(
    "Django: ORM",
    ">=5.2",
    "`orm`: evaluating querysets (compiling, making objects, prefetching), `iterator()`,"
    " aggregates, save, delete, bulk operations; without the statements, which are `db`",
    "making objects in `aiterator()`; methods of managers that build querysets",
)

PATCHES = {
    "django.db.models.query": (
        Patch("QuerySet._fetch_all", timed("orm", _evaluated, leaf=True, begun=evaluated)),
        Patch("RawQuerySet._fetch_all", timed("orm", _evaluated, leaf=True, begun=evaluated)),
        Patch("QuerySet._iterator", _iterator),
        Patch("QuerySet.bulk_create", timed("orm", _of_model, leaf=True)),
        Patch("QuerySet.bulk_update", timed("orm", _of_model, leaf=True)),
    ),
    "django.db.models.fields.related_descriptors": (
        Patch("ForwardManyToOneDescriptor.get_object", to_one),
    ),
    "django.contrib.contenttypes.fields": (
        Patch("GenericForeignKey.__get__", generic, optional=True),  # before 6.1
        Patch("GenericForeignKeyDescriptor.fetch_one", generic_one, optional=True),
    ),
    "django.db.models.base": (
        Patch("Model.save_base", timed("orm", _saved, leaf=True)),
        Patch("Model.clean_fields", telling_apart("f"), reads=True),
    ),
    "django.db.models.deletion": (Patch("Collector.delete", timed("orm", _collected, leaf=True)),),
    "django.db.models.sql.compiler": (
        Patch("SQLCompiler.execute_sql", _execute),
        Patch("SQLInsertCompiler.execute_sql", _execute),
        Patch("SQLUpdateCompiler.execute_sql", _execute),
    ),
}

WATCHING = {
    "django.db.models.query": (
        Patch("get_related_populators", joining),
        Patch("prefetch_one_level", prefetching),
    ),
}
