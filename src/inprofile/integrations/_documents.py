"""Which operations of MongoDB's look something up for one element, by the filters of commands."""

from collections.abc import Iterator
from types import FrameType
from typing import Any

from inprofile.core.elements import element
from inprofile.core.frames import Stand
from inprofile.core.model import Span
from inprofile.core.repeats import notice
from inprofile.core.sites import Explain, Facts

MAX_DEPTH = 4
"""How deep a filter is looked into."""

RANGES = frozenset({"$gt", "$gte", "$lt", "$lte"})

WRITES = {"update": ("updates", "q"), "delete": ("deletes", "q"), "insert": ("documents", "")}
"""Where commands that write have their parts, and the filter of one."""

FILTERS = {
    "distinct": "query",
    "count": "query",
    "findAndModify": "query",
    "find": "filter",
    "aggregate": "pipeline",
}

Leaf = tuple[str, Any]
"""A path in a filter, and the value there."""


def looked_up(span: Span, spec: Any, limit: Any, skip: Any) -> None:
    """Note a find, unless it serves many elements: a list, a page."""
    if issubclass(type(spec), dict) and "$query" in spec:  # a find that is sorted
        spec = spec["$query"]
    leaves = list(_leaves(spec))
    is_ranged = any(path.rpartition(".")[2] in RANGES for path, _ in leaves)
    if _has_list(leaves) or (limit not in {0, 1} and (skip or is_ranged)):
        return
    notice(span, _element(leaves), _shape(leaves), _instead(leaves))


def ordered(span: Span, command: str, spec: Any) -> None:
    """Note another command that is about to be sent for ``span``."""
    if command in WRITES:
        parts, inner = WRITES[command]
        each: list[Any] = spec.get(parts) or []
        if len(each) != 1:
            return
        (part,) = each
        leaves = list(_leaves(part[inner] if inner else part))
        if command == "insert":
            notice(span, _element(leaves), None, _instead([], "insert_many(documents)"))
            return
        fix = "bulk_write(operations)" if command == "update" else ""
    elif command in FILTERS:
        leaves, fix = list(_leaves(spec.get(FILTERS[command]))), ""
    else:
        return
    if not _has_list(leaves):
        notice(span, _element(leaves), _shape(leaves), _instead(leaves, fix))


def _leaves(value: Any, path: str = "", depth: int = MAX_DEPTH) -> Iterator[Leaf]:
    """The values of a filter; what is no plain mapping or list is one itself."""
    kind = type(value)
    if depth and issubclass(kind, dict):
        for key, inner in dict.items(value):
            yield from _leaves(inner, f"{path}.{key}" if path else str(key), depth - 1)
    elif depth and kind is list and all(issubclass(type(each), dict) for each in value):
        for each in value:
            yield from _leaves(each, path, depth - 1)
    else:
        yield path, value


def _has_list(leaves: list[Leaf]) -> bool:
    return any(
        path.endswith("$in") and type(value) is list and len(value) > 1 for path, value in leaves
    )


def _shape(leaves: list[Leaf]) -> tuple[str, ...]:
    """What is asked for, whatever the values."""
    return tuple([path for path, _ in leaves])


def _element(leaves: list[Leaf]) -> int:
    return element([_plain(value) for _, value in leaves])


def _plain(value: Any) -> Any:
    kind = type(value)
    is_id = kind.__name__ == "ObjectId" and kind.__module__ == "bson.objectid"
    return value.binary if is_id else value


def _instead(leaves: list[Leaf], fix: str = "") -> Explain:
    def explain(_span: Span, _stand: Stand, _frames: list[FrameType]) -> Facts:
        if fix or not leaves:
            return Facts(fix=fix)
        keys = [path for path, _ in leaves]
        keys = [path for path in keys if path.startswith("$match.")] or keys
        key = next((each for each in keys if each.endswith("_id")), keys[0])
        name = key.replace("$match.", "").partition(".$")[0]
        many = f'{{"{name}": {{"$in": {"ids" if name.endswith("id") else "values"}}}}}'
        if str(_span.name).startswith("delete"):
            return Facts(fix=f"delete_many({many})")
        return Facts(fix=f"find({many})")

    return explain
