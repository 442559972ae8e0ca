"""The code that loads or writes for all rows at once what a loop does one by one, for Django."""

import sys
from typing import Any

from inprofile.integrations.django_loads import Way
from inprofile.integrations.django_relations import Relation, conditions, relations

PEERS = (6, 1)
"""The version of Django since which rows may fetch for their peers."""

AGGREGATES = frozenset(("aggregate",))

ONE = frozenset(("first", "last", "get", "earliest", "latest", "__getitem__"))


def loaded(way: Way, relation: Relation) -> str:
    """For a relation that leads to one row."""
    fix = _eager(way, (*way.steps, relation))
    outer = way.outer
    if outer is not None and outer.load is not None:
        path = _path((*outer.steps, *way.steps, relation))
        fix += f', or prefetch_related("{path}") {_on(outer)}'
    version: Any = getattr(sys.modules.get("django"), "VERSION", (0,))
    if version >= PEERS:
        fix += ", or .fetch_mode(FETCH_PEERS)"
    return fix


def _eager(way: Way, steps: tuple[Relation, ...]) -> str:
    is_raw = way.load is not None and way.load.raw
    if all(step.is_joined for step in steps) and way.held != "prefetched" and not is_raw:
        path = "__".join(step.lookup for step in steps)
        return f'select_related("{path}"){_with(way, steps[0].name)} {_on(way)}'.rstrip()
    return f'prefetch_related("{_path(steps)}") {_on(way)}'.rstrip()


def _with(way: Way, name: str) -> str:
    """What is joined must not be deferred."""
    load = way.load
    if load is None or not load.only or name in load.names or way.held:
        return ""
    if any(one.startswith(f"{name}__") for one in load.names):
        return ""
    names = ", ".join(f'"{one}"' for one in (*sorted(load.names), name))
    return f".only({names})"


def _path(steps: tuple[Relation, ...]) -> str:
    return "__".join(step.name for step in steps)


def _on(way: Way) -> str:
    """Where to put it: on the queryset of the rows from which the path begins."""
    if way.load is None:
        return ""
    relation = way.load.relation
    if relation is not None and relation.is_many:
        return f"on {relation}"
    return f"on the queryset of {way.load.model.__name__}"


def column(way: Way, model: Any, name: str) -> str:
    """For a column that was deferred."""
    load = way.load
    prefix = "".join(f"{step.lookup}__" for step in way.steps)
    if load is None or not load.names or way.held == "prefetched":
        if load is not None and load.raw:
            return f'"{name}" among the columns of the raw statement'
        return f'only(..., "{name}") on the queryset of {model.__name__}'
    if load.only:
        names = ", ".join(f'"{one}"' for one in (*sorted(load.names), prefix + name))
        return f"only({names}) {_on(way)}"
    left = ", ".join(f'"{one}"' for one in sorted(load.names - {prefix + name}))
    instead = f"defer({left})" if left else "no defer()"
    return f'{instead} {_on(way)}, so that "{prefix + name}" is loaded'


def refreshed(model: Any) -> str:
    """For rows that are read again."""
    return f"{_manager(model)}.in_bulk(ids), once for all rows"


def prefetched(model: Any, path: str, way: Way) -> str:
    """For ``prefetch_related_objects`` with one row at a time."""
    fix = f'prefetch_related_objects({_rows(model)}, "{path}"), once before the loop'
    return f'{fix}, or prefetch_related("{path}") {_on(way)}'.rstrip()


def many(way: Way, relation: Relation, queryset: Any, method: str, values: Any) -> str:
    """For a relation that leads to many rows; ``method`` is what was asked of its queryset."""
    query = queryset._query  # noqa: SLF001
    steps = (*way.steps, relation)
    path = _path(steps)
    lookup = "__".join((*(step.name for step in way.steps), relation.lookup))
    model = (relation.target or queryset.model).__name__
    on = f" {_on(way)}".rstrip()
    is_filtered = len(query.where.children) > (2 if relation.is_generic else 1)
    if method == "count":
        if is_filtered:
            name = f"{relation.name}_count"
            return f'annotate({name}=Count("{lookup}", filter=Q(...))){on}'
        return f'annotate(Count("{lookup}")){on}, read as .{lookup}__count'
    if method in ("exists", "__contains__", "contains"):
        inner = f"{model}.objects.filter({_back(way, relation)})"
        return f"annotate(has_{relation.name}=Exists({inner})){on}"
    if method == "aggregate":
        given = values.get("args") or tuple((values.get("kwargs") or {}).values())
        inner = ", ".join(f'{type(one).__name__}("{lookup}__{_aggregated(one)}")' for one in given)
        return f"annotate({inner or '...'}){on}"
    is_plain = not (
        is_filtered
        or method in ONE
        or query.is_sliced
        or query.order_by
        or query.distinct
        or query.extra
        or query.annotations
        or queryset._fields is not None
        or query.select_related
        or queryset._prefetch_related_lookups  # noqa: SLF001
        or query.select_for_update
    )
    if is_plain:
        fix = f'prefetch_related("{path}"){on}'
        outer = way.outer
        if outer is not None and outer.load is not None:
            fix += f', or prefetch_related("{_path((*outer.steps, *steps))}") {_on(outer)}'
        return fix
    chosen = "filter(...)" if is_filtered else _chosen(query, queryset)
    prefix = "filtered" if is_filtered else "chosen"
    fix = (
        f'prefetch_related(Prefetch("{path}", queryset={model}.objects.{chosen},'
        f' to_attr="{prefix}_{relation.name}")){on}'
    )
    if method in ONE:
        inner = f"{model}.objects.filter({_back(way, relation)})"
        fix += f", or annotate(...=Subquery({inner}.values(...)[:1]))"
    return fix


def _chosen(query: Any, queryset: Any) -> str:
    names = [one for one in query.order_by if type(one) is str]
    parts = []
    if names:
        parts.append("order_by(" + ", ".join(f'"{one}"' for one in names) + ")")
    elif query.order_by:
        parts.append("order_by(...)")
    if query.select_related:
        parts.append("select_related(...)")
    if queryset._prefetch_related_lookups:  # noqa: SLF001
        parts.append("prefetch_related(...)")
    if query.annotations:
        parts.append("annotate(...)")
    if queryset._fields:
        names = [one for one in queryset._fields if type(one) is str]
        parts.append("only(" + ", ".join(f'"{one}"' for one in names) + ")")
    return ".".join(parts) or "all()"


def _aggregated(expression: Any) -> str:
    """The column of an aggregate."""
    sources = getattr(expression, "source_expressions", None) or [None]
    name = getattr(sources[0], "name", None)
    return name if type(name) is str else "..."


def _back(way: Way, relation: Relation) -> str:
    """What a subquery compares with the outer row."""
    outer = "__".join(step.lookup for step in way.steps) or "pk"
    field = relation.source
    if field is None:
        field = relation.owner._meta.get_field(relation.name)  # noqa: SLF001
        names = field.content_type_field_name, field.object_id_field_name
        return f'{names[0]}=..., {names[1]}=OuterRef("{outer}")'
    if field.model is relation.target:
        return f'{field.name}=OuterRef("{outer}")'
    return f'{_across(relation.target, field)}=OuterRef("{outer}")'  # of the table between


def _across(model: Any, source: Any) -> str:
    """What queries of ``model`` call the many-to-many relation that ``source`` is a half of."""
    for field in model._meta.get_fields():  # noqa: SLF001
        if not field.many_to_many:
            continue
        own = field if not field.auto_created else field.field
        if own.remote_field.through is source.model:
            if field.auto_created:
                if own.m2m_field_name() == source.name:
                    return str(own.related_query_name())
            elif own.m2m_reverse_field_name() == source.name:
                return str(own.name)
    return "..."


def asked(queryset: Any, method: str, verb: str) -> str:
    """For a queryset of a model's own manager that asks for one row or value each time."""
    model = queryset.model
    manager = _manager(model)
    names = [(field, _name(model, field)) for field, _ in conditions(queryset._query)]  # noqa: SLF001
    if verb == "UPDATE":
        return f"{manager}.bulk_update({_rows(model)}, [...])"
    chosen = names[-1] if names else None
    where = "..." if chosen is None else f"{chosen[1]}__in=..."
    if verb == "DELETE":
        return f"{manager}.filter({where}).delete()"
    if queryset._query.select_for_update:  # noqa: SLF001
        manager += ".select_for_update()"
    if chosen is not None and len(names) == 1:
        field, name = chosen
        bulk = ""
        if name == "pk":
            bulk = "in_bulk(ids)"
        elif name == field.name and getattr(field, "unique", False):
            bulk = f'in_bulk({name}s, field_name="{name}")'
        if bulk and method in ("get", "first", "in_bulk"):
            return f"{manager}.{bulk}, once before the loop"
    if method == "count" and chosen is not None:
        return (
            f'{manager}.filter({where}).values("{chosen[1]}").annotate(Count("pk")), once before'
            " the loop"
        )
    return f"{manager}.filter({where}), once before the loop"


def _name(model: Any, field: Any) -> str:
    """What queries of ``model`` call a field: of its own, or the key of a related one."""
    if issubclass(model, field.model):
        return "pk" if field.primary_key else str(field.name)
    for relation in relations(model).values():
        if relation.target is not None and issubclass(relation.target, field.model):
            return relation.lookup if field.primary_key else f"{relation.lookup}__{field.name}"
    return "..."


def saved(model: Any, verb: str, names: Any) -> str:
    """For ``save()`` of one row at a time."""
    if verb == "INSERT":
        return f"{_manager(model)}.bulk_create({_rows(model)})"
    if type(names) in (list, tuple, set, frozenset) and all(type(one) is str for one in names):
        fields = ", ".join(f'"{one}"' for one in sorted(names))
    else:
        fields = "..."
    return f"{_manager(model)}.bulk_update({_rows(model)}, [{fields}])"


def made(model: Any, method: str, verb: str) -> str:
    """For ``create()`` and its like."""
    if model is None:
        return "bulk_create(...)"
    start = f"{_manager(model)}.bulk_create({_rows(model)}"
    if method == "bulk_update" or (verb == "UPDATE" and method != "update_or_create"):
        return f"{_manager(model)}.bulk_update({_rows(model)}, [...])"
    if method == "get_or_create":
        return f"{start}, ignore_conflicts=True)"
    if method == "update_or_create":
        return f"{start}, update_conflicts=True, unique_fields=[...], update_fields=[...])"
    return f"{start})"


def deleted(model: Any) -> str:
    """For ``delete()`` of one row at a time."""
    return f"{_manager(model)}.filter(pk__in=ids).delete()"


def attached(manager: Any, method: str) -> str:
    """For rows that are attached to a relation, or taken out of it, one at a time."""
    through = getattr(manager, "through", None)
    name = getattr(manager, "prefetch_cache_name", None)
    if through is not None and method in ("add", "set"):
        owner = type(manager.instance).__name__
        return f"{owner}.{name}.through.objects.bulk_create([...]), or {method} all at once"
    if through is not None:
        return f"{through.__name__}.objects.filter(...).delete(), or {method} all at once"
    return f"{_manager(manager.model)}.filter(pk__in=ids).update(...)"


def raw(verb: str) -> str:
    """For SQL that was written by hand."""
    if verb in ("INSERT", "UPDATE", "DELETE", "REPLACE"):
        return "cursor.executemany(sql, rows)"
    return "WHERE ... IN (...) with all the values, once before the loop"


def _manager(model: Any) -> str:
    return f"{model.__name__}.objects"


def _rows(model: Any) -> str:
    """A variable for rows of ``model``."""
    name = str(model._meta.model_name)  # noqa: SLF001
    if name.endswith("y") and not name.endswith(("ay", "ey", "oy", "uy")):
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "ch", "sh")) else f"{name}s"
