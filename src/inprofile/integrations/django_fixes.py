"""The code that loads or writes for all rows at once what a loop does one by one, for Django."""

import sys
from typing import Any

from inprofile.integrations.django_loads import Way
from inprofile.integrations.django_relations import Relation, conditions, of_manager, relations

PEERS = (6, 1)
"""The version of Django since which rows may fetch for their peers."""


def loaded(way: Way, relation: Relation) -> str:
    """For a relation that leads to one row."""
    fix = _eager(way, (*way.steps, relation))
    outer = way.outer
    if outer is not None and outer.load is not None:
        path = path_of((*outer.steps, *way.steps, relation))
        fix += f', or prefetch_related("{path}") {put_on(outer)}'
    version: Any = getattr(sys.modules.get("django"), "VERSION", (0,))
    if version >= PEERS:
        fix += ", or .fetch_mode(FETCH_PEERS)"
    return fix


def _eager(way: Way, steps: tuple[Relation, ...]) -> str:
    is_raw = way.load is not None and way.load.raw
    if all(step.is_joined for step in steps) and way.held != "prefetched" and not is_raw:
        path = "__".join(step.lookup for step in steps)
        return f'select_related("{path}"){_with(way, steps[0].name)} {put_on(way, steps[0])}'
    return f'prefetch_related("{path_of(steps)}") {put_on(way, steps[0])}'


def _with(way: Way, name: str) -> str:
    """What is joined must not be deferred."""
    load = way.load
    if load is None or not load.only or name in load.names or way.held:
        return ""
    if any(one.startswith(f"{name}__") for one in load.names):
        return ""
    names = ", ".join(f'"{one}"' for one in (*sorted(load.names), name))
    return f".only({names})"


def path_of(steps: tuple[Relation, ...]) -> str:
    """The steps as ``prefetch_related`` calls them."""
    return "__".join(step.name for step in steps)


def put_on(way: Way, relation: Relation | None = None) -> str:
    """Where to put it: on the queryset of the rows from which the path to ``relation`` begins."""
    if way.load is None:
        first = way.steps[0] if way.steps else relation
        return "" if first is None else f"on the queryset of {first.owner.__name__}"
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
        return f"only({names}) {put_on(way)}"
    left = ", ".join(f'"{one}"' for one in sorted(load.names - {prefix + name}))
    instead = f"defer({left})" if left else "no defer()"
    return f'{instead} {put_on(way)}, so that "{prefix + name}" is loaded'


def refreshed(model: Any) -> str:
    """For rows that are read again."""
    return f"{_manager(model)}.in_bulk(ids), once for all rows"


def prefetched(model: Any, path: str, way: Way) -> str:
    """For ``prefetch_related_objects`` with one row at a time."""
    fix = f'prefetch_related_objects({_rows(model)}, "{path}"), once before the loop'
    return f'{fix}, or prefetch_related("{path}") {put_on(way)}'.rstrip()


def asked(queryset: Any, method: str, verb: str, relation: Relation | None = None) -> str:
    """For a queryset that asks for one row or value each time.

    Of a model's own manager, or of one row's ``relation``.
    """
    model = queryset.model
    manager = _manager(model)
    asked_for = [field for field, _ in conditions(queryset._query)]  # noqa: SLF001
    if relation is not None:
        manager = f"{relation.owner._meta.model_name}.{relation.name}"  # noqa: SLF001
        asked_for = asked_for[2:] if relation.is_generic else asked_for[1:]
    names = [(field, _name(model, field)) for field in asked_for]
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
    if through is not None and method in ("add", "set"):
        return f"{of_manager(manager)}.through.objects.bulk_create([...]), or {method} all at once"
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
