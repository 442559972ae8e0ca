"""The code that asks for the many rows behind all rows at once, for Django's related managers."""

from typing import Any

from inprofile.integrations.django_fixes import path_of, put_on
from inprofile.integrations.django_loads import Way
from inprofile.integrations.django_relations import Relation, relations

ONE = frozenset(("first", "last", "get", "earliest", "latest", "__getitem__"))
"""Methods of a queryset that give one row."""

WHETHER = frozenset(("exists", "contains"))


def many(way: Way, relation: Relation, queryset: Any, method: str, values: Any) -> str:
    """For a relation that leads to many rows.

    ``method`` is what was asked of its queryset, with the local variables ``values``.
    """
    query = queryset._query  # noqa: SLF001
    model = (relation.target or queryset.model).__name__
    steps = (*way.steps, relation)
    on = put_on(way, relation)
    is_filtered = filters(query, relation)
    if query.combinator:
        return f"{model}.objects.filter(...__in=...) for all rows, once before the loop"
    if method in WHETHER or method in {"count", "aggregate"}:
        return f"{_asked(way, relation, model, method, values, is_filtered=is_filtered)} {on}"
    parts = ["filter(...)"] if is_filtered else []
    parts += _chosen(query, queryset, relation)
    if not parts and method not in ONE and not query.is_sliced:
        fix = f'prefetch_related("{path_of(steps)}") {on}'
        outer = way.outer
        if outer is not None and outer.load is not None:
            path = path_of((*outer.steps, *steps))
            fix += f', or prefetch_related("{path}") {put_on(outer)}'
        return fix
    rows = ".".join([f"{model}.objects", *(parts or ["all()"])])
    if query.is_sliced and method not in ONE:
        rows += f"[{query.low_mark or ''}:{'' if query.high_mark is None else query.high_mark}]"
    name = f"{'filtered' if is_filtered else 'chosen'}_{relation.name}"
    path = path_of(steps)
    fix = f'prefetch_related(Prefetch("{path}", queryset={rows}, to_attr="{name}")) {on}'
    if method in ONE:
        inner = f"{model}.objects.filter({_back(way, relation)})"
        fix += f", or annotate(...=Subquery({inner}.values(...)[:1]))"
    return fix


def filters(query: Any, relation: Relation) -> bool:
    """Whether not all rows of a relation are asked for."""
    return len(query.where.children) > (2 if relation.is_generic else 1)


def _asked(
    way: Way, relation: Relation, model: str, method: str, values: Any, *, is_filtered: bool
) -> str:
    """For what gives a value and not rows."""
    lookup = "__".join((*(step.lookup for step in way.steps), relation.lookup))
    if method in WHETHER:
        inner = f"{model}.objects.filter({_back(way, relation)})"
        return f"annotate(has_{relation.name}=Exists({inner}))"
    if method == "aggregate":
        given = values.get("args") or tuple((values.get("kwargs") or {}).values())
        inner = ", ".join(f'{type(one).__name__}("{lookup}__{_aggregated(one)}")' for one in given)
        return f"annotate({inner or '...'})"
    if is_filtered:
        return f'annotate({relation.name}_count=Count("{lookup}", filter=Q(...)))'
    return f'annotate(Count("{lookup}"))'


def _chosen(query: Any, queryset: Any, relation: Relation) -> list[str]:
    """What else was asked of the queryset than its rows as they are."""
    parts = []
    if query.order_by:
        parts.append(f"order_by({_names(query.order_by)})")
    if query.distinct:
        parts.append("distinct()")
    if query.select_related:
        parts.append("select_related(...)")
    if queryset._prefetch_related_lookups:  # noqa: SLF001
        parts.append("prefetch_related(...)")
    if query.annotations or query.extra:
        parts.append("annotate(...)")
    given = [one for one in queryset._fields or () if type(one) is str]
    columns = [one for one in given if one not in query.annotations]
    if any("__" in one for one in columns):
        parts += _joined(queryset.model, columns)
    elif (
        columns
    ):  # with the key by which a prefetched row is its parent's: deferred it is asked for
        parts.append(f"only({_names(dict.fromkeys((*columns, *_keys(relation))))})")
    if query.select_for_update:
        parts.append("select_for_update()")
    return parts


def _keys(relation: Relation) -> tuple[str, ...]:
    """The columns of the rows behind a relation that say whose they are."""
    field = relation.source
    if field is None:
        field = relation.owner._meta.get_field(relation.name)  # noqa: SLF001
        return field.content_type_field_name, field.object_id_field_name
    return (field.name,) if field.model is relation.target else ()


def _joined(model: Any, columns: list[str]) -> list[str]:
    """What loads the rows in whose columns values were asked for."""
    paths: dict[str, list[str]] = {"select_related": [], "prefetch_related": []}
    for column in columns:
        steps: list[Relation] = []
        for name in column.split("__"):
            known = relations(steps[-1].target if steps else model).values()
            step = next((one for one in known if one.lookup == name and one.target), None)
            if step is None:
                break
            steps.append(step)
        if steps:
            is_one = all(step.is_joined for step in steps)
            path = "__".join(step.lookup if is_one else step.name for step in steps)
            paths["select_related" if is_one else "prefetch_related"].append(path)
    return [f"{name}({_names(dict.fromkeys(each))})" for name, each in paths.items() if each]


def _names(given: Any) -> str:
    """Names as they are written; what is an expression is left open."""
    return ", ".join(f'"{one}"' if type(one) is str else "..." for one in given)


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
