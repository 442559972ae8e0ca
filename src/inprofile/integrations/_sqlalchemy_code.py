"""How an application writes what it asks of SQLAlchemy: classes, columns, loader options."""

from typing import Any

Step = tuple[Any, Any]
"""The mapper of a class and a property of it."""


def holder_of(entity: Any, prop: Any) -> Any:
    """The class that has the attribute: what the rows were loaded as, if it inherits it."""
    return entity if entity.mapper.isa(prop.parent) else prop.parent


def named(entity: Any) -> str:
    """The name of a class."""
    return str(entity.class_.__name__)


def steps_of(path: Any) -> list[Step]:
    """The relationships that a path of SQLAlchemy's goes along."""
    parts = path.path
    return [
        (holder_of(parts[i], parts[i + 1]), parts[i + 1])
        for i in range(0, len(parts) - 1, 2)
        if hasattr(parts[i + 1], "key")
    ]


def options_for(steps: list[Step]) -> str:
    """The loader options for a chain of relationships."""
    return ".".join(
        f"{'selectinload' if prop.uselist else 'joinedload'}({named(holder)}.{prop.key})"
        for holder, prop in steps
    )


def options_at_any_depth(steps: list[Step]) -> str:
    """The same, also for a chain that goes on along one relationship: a tree."""
    if len(steps) == 1 or steps[-1][1] is not steps[-2][1]:
        return options_for(steps)
    while len(steps) > 1 and steps[-1][1] is steps[-2][1]:
        steps = steps[:-1]
    holder, prop = steps[-1]
    deep = f"selectinload({named(holder)}.{prop.key}, recursion_depth=-1)"
    all_steps = ".".join(filter(None, (options_for(steps[:-1]), deep)))
    return f"{options_for(steps)}, and for any depth {all_steps}"


def among(holder: Any, prop: Any) -> str:
    """The statement that loads a collection for many objects at once."""
    target = prop.mapper
    if prop.secondary is not None:
        key = holder.mapper.primary_key[0]
        joined = f"select({named(target)}).join({named(holder)}.{prop.key})"
        return f"{joined}.where({attribute_of(holder.mapper, key)}.in_({plural(key)}))"
    column = prop.local_remote_pairs[0][1]
    return f"select({named(target)}).where({attribute_of(target, column)}.in_(ids))"


def anew(mapper: Any) -> str:
    """The statement that loads many objects of a class by their keys."""
    key = mapper.primary_key[0]
    return f"select({named(mapper)}).where({attribute_of(mapper, key)}.in_({plural(key)}))"


def attribute_of(mapper: Any, column: Any) -> str:
    """A column as the application writes it."""
    about = getattr(column, "_annotations", {})
    entity = about.get("parententity") or mapper
    if entity is None:
        return f"{column.table.name}.c.{column.key}"
    return f"{named(entity)}.{about.get('proxy_key') or _key(entity.mapper, column)}"


def _key(mapper: Any, column: Any) -> str:
    if column in mapper._columntoproperty:  # noqa: SLF001
        return str(mapper._columntoproperty[column].key)  # noqa: SLF001
    return str(column.key)


def plural(column: Any) -> str:
    """What to call many values of a column."""
    return "ids" if str(column.key).endswith("id") else "values"
