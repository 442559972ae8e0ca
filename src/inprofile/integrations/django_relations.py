"""Django's relations: what a model's attribute leads to, and which one is being loaded.

A load of a foreign key or a generic one says so while it lasts: two of them may run the same
statement, and rows that share a parent run it with the same parameters. All other loads are
known by their statement, and by frames once they repeat.
"""

from collections.abc import Hashable
from contextvars import ContextVar
from functools import lru_cache, wraps
from typing import Any, NamedTuple

from inprofile.core.elements import element
from inprofile.core.recorder import current
from inprofile.integrations._signature import Function

Loading = tuple[Hashable, int, bool]
"""The relation that is loaded, the row for which it is, and whether it is a generic one."""

loading: ContextVar[Loading | None] = ContextVar("inprofile_loading", default=None)
"""The to-one relation that is loaded here and whose statement has not been run yet."""


class Relation(NamedTuple):
    """An attribute of a model that leads to another one.

    ``owner`` is the model as the application uses it, ``name`` its attribute, ``lookup`` what
    queries call it. ``source`` is the field that refers to the owner's rows, for those that are
    found by it; ``is_joined`` says whether ``select_related`` can load it.
    """

    owner: Any
    name: str
    lookup: str
    target: Any
    source: Any = None
    is_many: bool = False
    is_joined: bool = False
    is_generic: bool = False

    def __str__(self) -> str:
        return f"{self.owner.__name__}.{self.name}"


@lru_cache(1024)
def relations(model: Any) -> dict[str, Relation]:
    """The relations of a model by their attributes."""
    found = (_relation(model, field) for field in model._meta.get_fields())  # noqa: SLF001 - Django's documented API
    return {relation.name: relation for relation in found if relation is not None}


def relations_of(instance: Any) -> dict[str, Relation]:
    """The relations of a row's model."""
    model: Any = type(instance)
    return relations(model)


def of_manager(manager: Any) -> Relation | None:
    """The many-to-many relation of a row's manager, which knows it by what queries call it."""
    name = manager.prefetch_cache_name
    known = relations_of(manager.instance).values()
    return next((each for each in known if each.is_many and each.lookup == name), None)


def _relation(model: Any, field: Any) -> Relation | None:
    if not field.is_relation:
        return None
    if field.auto_created and not field.concrete:
        return _reverse(model, field)
    target = field.related_model
    if field.many_to_many:
        through = field.remote_field.through._meta  # noqa: SLF001
        source = through.get_field(field.m2m_field_name())
        return Relation(model, field.name, field.name, target, source, is_many=True)
    if field.one_to_many:
        return Relation(model, field.name, field.name, target, is_many=True, is_generic=True)
    if target is None or not field.concrete:
        return Relation(model, field.name, field.name, None, is_generic=True)
    return Relation(model, field.name, field.name, target, is_joined=True)


def _reverse(model: Any, rel: Any) -> Relation | None:
    name = rel.get_accessor_name()
    if not name:
        return None
    field = rel.field
    lookup, target = field.related_query_name(), rel.related_model
    if rel.many_to_many:
        source = rel.through._meta.get_field(field.m2m_reverse_field_name())  # noqa: SLF001
        return Relation(model, name, lookup, target, source, is_many=True)
    if rel.one_to_one:
        return Relation(model, name, lookup, target, field, is_joined=True)
    return Relation(model, name, lookup, target, field, is_many=True)


def conditions(query: Any) -> list[tuple[Any, Any]]:
    """The fields that a query compares with a value, or with a list of one, and those."""
    found = []
    for child in query.where.children:
        if getattr(child, "lookup_name", None) in ("exact", "in"):
            field = getattr(child.lhs, "target", None)
            if field is not None:
                found.append((field, child.rhs))
    return found


def related(queryset: Any) -> Relation | None:
    """The relation whose manager made a queryset; None for one of a model's own manager."""
    instance = queryset._hints.get("instance")  # noqa: SLF001
    asked = conditions(queryset._query)  # noqa: SLF001
    if instance is not None:
        sources = [field for field, _ in asked]
        sources += queryset._known_related_objects  # noqa: SLF001 - keys of several columns
        for field in sources:
            known = [each for each in relations_of(instance).values() if each.source is field]
            if known:
                return next((each for each in known if _leads_to(each, queryset.model)), known[0])
    return _generic(queryset, asked)


def _leads_to(relation: Relation, model: Any) -> bool:
    """Whether it is of rows of ``model``; a field between two models is the source of two."""
    target = relation.target
    return bool(model._meta.concrete_model is target._meta.concrete_model)  # noqa: SLF001


def _generic(queryset: Any, asked: list[tuple[Any, Any]]) -> Relation | None:
    """The GenericRelation whose content type and object id a queryset asks for."""
    for field in queryset.model._meta.private_fields:  # noqa: SLF001
        names = getattr(field, "ct_field", None), getattr(field, "fk_field", None)
        kinds = [value for asked_for, value in asked if asked_for.name == names[0]]
        if None in names or not kinds or not any(one.name == names[1] for one, _ in asked):
            continue
        kind = _content_type(queryset.model, names[0], kinds[0])
        owner = None if kind is None else kind.model_class()
        for there in [] if owner is None else owner._meta.private_fields:  # noqa: SLF001
            its = (
                getattr(there, "content_type_field_name", None),
                getattr(there, "object_id_field_name", None),
            )
            if its == names and there.related_model is queryset.model:
                return relations(owner).get(there.name)
    return None


def _content_type(model: Any, field: Any, value: Any) -> Any:
    """A content type that Django has in its cache; it is there: the manager has asked for it."""
    manager = model._meta.get_field(field).related_model.objects  # noqa: SLF001
    if type(value) is not int:
        return None
    for kinds in vars(manager).get("_cache", {}).values():
        if value in kinds:
            return kinds[value]
    return None


def identity(instance: Any) -> int:
    """A number that tells a row from others: its key's if that is a plain one."""
    key = vars(instance).get(instance._meta.pk.attname)  # noqa: SLF001
    return id(instance) if key is None else element((key,))


def to_one(original: Function) -> Function:
    """For the descriptor's method that loads what a foreign key refers to."""

    @wraps(original)
    def get_object(self: Any, instance: Any) -> Any:
        if current.get() is None:
            return original(self, instance)
        before = loading.get()
        loading.set(_loading(self.field, instance, is_generic=False))
        try:
            return original(self, instance)
        finally:
            loading.set(before)

    return get_object


def generic(original: Function) -> Function:
    """For GenericForeignKey.__get__, which has no method of its own for the load (before 6.1)."""

    @wraps(original)
    def get(self: Any, instance: Any, cls: Any = None) -> Any:
        if instance is None or current.get() is None:
            return original(self, instance, cls)
        before = loading.get()
        loading.set(_loading(self, instance, is_generic=True))
        try:
            return original(self, instance, cls)
        finally:
            loading.set(before)

    return get


def generic_one(original: Function) -> Function:
    """For GenericForeignKeyDescriptor.fetch_one, since 6.1."""

    @wraps(original)
    def fetch_one(self: Any, instance: Any) -> Any:
        if current.get() is None:
            return original(self, instance)
        before = loading.get()
        loading.set(_loading(self.field, instance, is_generic=True))
        try:
            return original(self, instance)
        finally:
            loading.set(before)

    return fetch_one


def _loading(field: Any, instance: Any, *, is_generic: bool) -> Loading | None:
    try:
        model = field.model
        subject = (model.__module__, model.__qualname__, field.name)
        return subject, identity(instance), is_generic
    except Exception:
        return None
