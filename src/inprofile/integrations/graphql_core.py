"""GraphQL: which field of the schema a resolver is for; nothing is timed.

graphql-core runs the resolvers for Strawberry, Graphene and Ariadne. A loader of theirs asks for
its keys in a task of its own: those who wait for the keys wait for that.
"""

from collections.abc import Mapping
from types import CodeType, FrameType
from typing import Any

from inprofile.core.awaiting import awaiter, frames
from inprofile.core.frames import Beyond, hops
from inprofile.integrations._about import About
from inprofile.integrations._declared import Declared, declared, locate
from inprofile.integrations._patch import Patch
from inprofile.integrations._reading import bordering, codes, interpreting, telling_apart
from inprofile.integrations._signature import Function

EAGER = "joinedload(", "selectinload(", "select_related(", "prefetch_related("
"""What the resolver of the parents can load with them."""

MAX_WAITING = 20
"""Tasks that wait for each other, from a loader's key to the whole answer."""

_loaders: dict[int, CodeType] = {}
"""The functions that load what others wait for, of the libraries' data loaders."""


def _field(names: Mapping[str, Any]) -> Declared | None:
    """What declares the field that is being resolved: an attribute or a method of a class."""
    info = names.get("info")
    if info is None:
        return None
    parent, name = info.parent_type, info.field_name
    owner = _class(parent)
    return None if owner is None else declared(owner, _attribute(parent, owner, name))


def _class(parent: Any) -> type | None:
    """The class of the application's that a type of the schema was made of."""
    definition = (parent.extensions or {}).get("strawberry-definition")
    owner = getattr(definition, "origin", None) or parent.__dict__.get("graphene_type")
    return owner if isinstance(owner, type) else None


def _attribute(parent: Any, owner: Any, name: str) -> str:
    """How a field is called in Python; the schema may say it otherwise."""
    field = parent.fields.get(name)
    definition = ((field and field.extensions) or {}).get("strawberry-definition")
    known = getattr(definition, "python_name", None)
    if isinstance(known, str):
        return known
    plain = name.replace("_", "").lower()
    given = getattr(getattr(owner, "_meta", None), "fields", None) or ()
    return next((one for one in given if one.replace("_", "").lower() == plain), name)


def _loading(original: Function) -> Function:
    _loaders.update((id(code), code) for code in codes(original))
    return original


def _awaited(frame: FrameType) -> Beyond | None:
    """Who waits for the keys that a loader is asking for."""
    if id(frame.f_code) not in _loaders:
        return None
    names = frame.f_locals
    asked: Any = names.get("queue") or getattr(names.get("batch"), "tasks", ())
    tasks = (awaiter(one.future) for one in asked)
    task = next((one for one in tasks if one is not None), None)
    found: list[FrameType] = []
    for _ in range(MAX_WAITING):  # that task is not the one that runs: nobody else goes on there
        if task is None:
            break
        found += frames(task)
        task = awaiter(task)
    return Beyond(found, at_once=len(asked) > 1) if found else None


def _loader(field: str, fix: str) -> str:
    """The fix for a resolver: all parents of a list ask one loader, which runs one operation."""
    name = field.rpartition(".")[2].removeprefix("resolve_")
    loader = f"{name}_loader = DataLoader(load_{name}s), await {name}_loader.load(key) in {field}"
    return f"{fix}, or {loader}" if fix.startswith(EAGER) else f"{loader}: {fix}".rstrip(": ")


hops.append(_awaited)

_fields = interpreting("info", _field, locate, _loader)
_names = telling_apart("response_name")

ABOUT = About(
    "GraphQL: graphql-core (Strawberry, Graphene, Ariadne)",
    ">=3.2",
    "nothing; findings name the field of the schema",
    "resolvers, parsing and validating",
)

PATCHES = {
    "graphql.graphql": (
        Patch("graphql", bordering, reads=True),
        Patch("graphql_sync", bordering, reads=True),
    ),
    "graphql.execution.execute": (
        Patch("execute", bordering, reads=True),
        Patch("ExecutionContext.execute_fields", _names, optional=True, reads=True),
        Patch("ExecutionContext.execute_field", _fields, optional=True, reads=True),
    ),
    "graphql.execution.executor": (
        Patch("Executor.execute_fields", _names, optional=True, reads=True),
        Patch("Executor.execute_field", _fields, optional=True, reads=True),
        Patch("Executor.complete_awaitable_value", _fields, optional=True, reads=True),
    ),
    "strawberry.schema.schema": (
        Patch("Schema.execute", bordering, reads=True),
        Patch("Schema.execute_sync", bordering, reads=True),
    ),
    "strawberry.dataloader": (Patch("dispatch_batch", _loading, reads=True),),
    "aiodataloader": (Patch("dispatch_queue_batch", _loading, reads=True),),
}
