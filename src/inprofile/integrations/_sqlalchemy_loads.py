"""What a statement of SQLAlchemy's is run for, and where that was loaded: its relations by name.

Reads names that SQLAlchemy calls private, each pinned by a test. Where one is missing a statement
is one of a driver's: found, but without its relation.
"""

import sys
from types import FrameType
from typing import Any, NamedTuple

from inprofile.core.application import application
from inprofile.core.frames import Stand
from inprofile.core.guard import guard
from inprofile.core.model import Location, Span
from inprofile.core.repeats import NOTHING, Facts, element, notice
from inprofile.integrations._greenlet import awaiting
from inprofile.integrations._lookup import looked_up
from inprofile.integrations._one_by_one import instead

MAX_LOADS = 1000
"""Loads of one trace whose lines are remembered."""

MAX_OUT = 60
"""Frames of libraries around a load that are passed on the way to the application's line."""

LOAD_OPTIONS = "_sa_orm_load_options"
REFRESHED, EAGER = "refreshed", "eager"

Step = tuple[Any, Any]
"""The mapper of a class and a property of it."""


class Load(NamedTuple):
    """Where objects were loaded: the file, line and function, or the load of whose they are.

    ``path`` is how the owner itself was loaded.
    """

    where: Location | None
    owner: int | None = None
    path: Any = None


def begun(span: Span, statement: Any, parameters: Any, context: Any) -> None:
    """Note a statement, unless it serves many; an ORM's load is for the object that asks."""
    if context is None:
        looked_up(span, statement, parameters)
        return
    options = context.execution_options.get(LOAD_OPTIONS)
    if options is not None:
        owner = getattr(options, "_lazy_loaded_from", None)
        if owner is not None:
            _loaded(span, owner, id(_property(context)))
            return
        owner = getattr(options, "_refresh_state", None)
        if owner is not None:
            _loaded(span, owner, REFRESHED)
            return
        prop = _property(context)
        if prop is not None:
            looked_up(span, statement, parameters, (EAGER, id(prop)), explain)
            return
    if not context.executemany:
        looked_up(span, statement, parameters, None, explain)


def _loaded(span: Span, owner: Any, subject: object) -> None:
    key = owner.key
    notice(span, id(owner) if key is None else element(key[1]), subject, explain)


def _property(context: Any) -> Any:
    """The relationship that is loaded, if it is one."""
    state = getattr(context.compiled, "compile_state", None)
    options = getattr(state, "compile_options", None)
    return getattr(getattr(options, "_current_path", None), "prop", None)


def remember(trace: Any, chunks: Any) -> None:
    """Remember where the objects of an ORM's result are loaded, for as long as the trace runs.

    To be called by what ``instances`` calls. Costs 0.8 microseconds for a statement of the
    application's, 0.4 for a load of a relation.
    """
    loads = trace.loads
    if loads is None:
        loads = trace.loads = {}
    if len(loads) >= MAX_LOADS:
        return
    names = chunks.__code__.co_freevars
    if "context" in names:
        context = chunks.__closure__[names.index("context")].cell_contents
    else:  # rows that are there already, under asyncio
        context = sys._getframe(2).f_locals["context"]  # noqa: SLF001 - what made them
    options = context.load_options
    owner = options._lazy_loaded_from or options._refresh_state  # noqa: SLF001
    if owner is not None:
        loads[context.runid] = Load(None, owner.runid, owner.load_path)
    elif context.top_level_context is not None:
        loads[context.runid] = loads.get(context.top_level_context.runid, Load(None))
    else:
        loads[context.runid] = Load(_here())


def _here() -> Location | None:
    """The application's line that runs this."""
    frame: FrameType | None = sys._getframe(3)  # noqa: SLF001 - what tells who asks
    for _ in range(MAX_OUT):
        if frame is None:
            frame = awaiting()
            if frame is None:
                return None
        code = frame.f_code
        if application.owns(code):
            return Location(code.co_filename, frame.f_lineno, code.co_name)
        frame = frame.f_back
    return None


def explain(span: Span, stand: Stand, frames: list[FrameType]) -> Facts:
    """The relation that a repeated statement loads, what to write instead, and where."""
    try:
        facts = _explained(span, frames)
    except Exception as error:  # another SQLAlchemy than the ones we know
        guard.caught(error)
        facts = NOTHING
    return instead(span, stand, frames) if facts is NOTHING else facts


def _explained(span: Span, frames: list[FrameType]) -> Facts:
    context = frames[0].f_locals.get("context")
    options = None if context is None else context.execution_options.get(LOAD_OPTIONS)
    loads = span.trace.loads or {}
    owner = getattr(options, "_lazy_loaded_from", None)
    prop = None if context is None else _property(context)
    if owner is not None and prop is not None:
        return _lazy(loads, owner, prop)
    refreshed = getattr(options, "_refresh_state", None)
    if refreshed is not None:
        return _refreshed(loads, refreshed, context, frames)
    if prop is not None:
        return _eager(context, frames)
    return NOTHING if context is None else _stated(loads, context, frames)


def _lazy(loads: dict[int, Load], owner: Any, prop: Any) -> Facts:
    where, steps = _way(loads, owner.runid, owner.load_path)
    holder = _holder(_last(owner), prop)
    return Facts(f"{_name(holder)}.{prop.key}", _options([*steps, (holder, prop)]), where)


def _eager(context: Any, frames: list[FrameType]) -> Facts:
    """A select-in load of one object. That SQLAlchemy itself goes on is no loop of the user's."""
    prop, parent = _property(context), _parent(context)
    if not any(frame.f_code.co_name == "chunks" for frame in frames):
        return Facts(batch=False)
    holder = _holder(parent, prop)
    return Facts(f"{_name(holder)}.{prop.key}", _options([(holder, prop)]))


def _parent(context: Any) -> Any:
    return context.compiled.compile_state.compile_options._current_path.path[-2]  # noqa: SLF001


def _refreshed(loads: dict[int, Load], state: Any, context: Any, frames: list[FrameType]) -> Facts:
    """What was deferred, has expired or is asked for anew."""
    options = context.compiled.compile_state.compile_options
    only = options._only_load_props or frozenset()  # noqa: SLF001
    mapper = state.manager.mapper
    where, steps = _way(loads, state.runid, state.load_path)
    if context.execution_options[LOAD_OPTIONS]._is_user_refresh:  # noqa: SLF001
        return _asked_anew(mapper, only, steps, where)
    key = _read(frames, only)
    relation = f"{_name(_holder(_last(state), mapper._props[key]))}.{key}"  # noqa: SLF001
    if _is_called(frames, "_load_for_state", "strategies.py"):
        fix = _options(steps)
        return Facts(relation, f"{fix}.undefer({relation})" if fix else f"undefer({relation})", where)
    column = mapper.columns.get(key)
    rows = _last(state).mapper
    if mapper is not rows or not state.expired:
        if column is not None and not any(column.table is each for each in rows.tables):
            return Facts(relation, f"selectin_polymorphic({_name(rows)}, [{_name(mapper)}])", where)
        if column is not None and not state.expired:
            return Facts(relation, '__mapper_args__ = {"eager_defaults": True}', where)
    session = state.session
    if session is not None and session.expire_on_commit:
        return Facts(relation, "expire_on_commit=False", where)
    return Facts(relation, f"{_in(mapper)}.execution_options(populate_existing=True)", where)


def _asked_anew(mapper: Any, only: Any, steps: list[Step], where: Location | None) -> Facts:
    """session.refresh: a relation is loaded by a statement of its own, unless it is joined."""
    relations = [mapper.relationships[key] for key in only if key in mapper.relationships]
    own = only - {prop.key for prop in relations} - set(mapper._primary_key_propkeys)  # noqa: SLF001
    if relations and not own:
        prop = relations[0]
        if prop.lazy not in {"joined", False}:
            return Facts(batch=False)
        return Facts(f"{_name(mapper)}.{prop.key}", _options([*steps, (mapper, prop)]), where)
    return Facts("", f"{_in(mapper)}.execution_options(populate_existing=True)", where)


def _read(frames: list[FrameType], only: Any) -> str:
    """The attribute that was asked for: of those that are loaded."""
    for frame in frames:
        if frame.f_code.co_name == "_fire_loader_callables":
            return str(frame.f_locals.get("key"))
    return min(only, default="")


def _is_called(frames: list[FrameType], name: str, file: str) -> bool:
    return any(
        frame.f_code.co_name == name and frame.f_code.co_filename.endswith(file)
        for frame in frames
    )


def _stated(loads: dict[int, Load], context: Any, frames: list[FrameType]) -> Facts:
    """A statement of the application's own, or one that writes an object."""
    statement = context.invoked_statement
    kind = getattr(statement, "__visit_name__", "")
    if kind in {"insert", "update", "delete"}:
        return _written(statement, kind, frames)
    if kind != "select":
        return NOTHING
    criteria = list(_criteria(statement))
    appender = _appender(frames)
    found = _of_parent(criteria if appender is None else list(_criteria(appender)))
    if found is not None:
        owner, prop = found
        where, steps = _way(loads, owner.runid, owner.load_path)
        holder = _holder(_last(owner), prop)
        is_whole = appender is None and len(criteria) == len(prop.local_remote_pairs)
        if is_whole and prop.lazy not in {"dynamic", "write_only"}:
            fix = _options([*steps, (holder, prop)])
        else:
            fix = _among(holder, prop)
        return Facts(f"{_name(holder)}.{prop.key}", fix, where)
    mapper = statement._propagate_attrs.get("plugin_subject")  # noqa: SLF001
    for criterion in criteria:
        column = criterion.left
        if hasattr(column, "table") and _is_choice(criterion) and _is_bound(criterion.right):
            return Facts(fix=f"where({_column(mapper, column)}.in_({_plural(column)}))")
    return NOTHING


def _criteria(statement: Any) -> list[Any]:
    """The comparisons that each row has to meet."""
    found: list[Any] = []
    waiting = list(getattr(statement, "_where_criteria", ()))
    while waiting:
        each = waiting.pop(0)
        if getattr(each, "__visit_name__", "") == "binary":
            found.append(each)
        elif getattr(each, "__visit_name__", "") in {"clauselist", "expression_clauselist"}:
            waiting += each.clauses
        elif getattr(each, "__visit_name__", "") == "grouping":
            waiting.append(each.element)
    return found


def _is_choice(criterion: Any) -> bool:
    """Whether it asks for one value: ``=``, or IN with a list of one."""
    return getattr(criterion.operator, "__name__", "") in {"eq", "in_op"}


def _is_bound(side: Any) -> bool:
    return getattr(side, "__visit_name__", "") == "bindparam"


def _appender(frames: list[FrameType]) -> Any:
    """The dynamic collection that is being read."""
    for frame in frames:
        if frame.f_code.co_filename.endswith("dynamic.py"):
            return frame.f_locals.get("self")
    return None


def _of_parent(criteria: list[Any]) -> tuple[Any, Any] | None:
    """The object, and its relationship, whose rows a comparison asks for: with_parent and the like.

    Such a comparison finds the object's value when it is run, by a function of SQLAlchemy's.
    """
    for criterion in criteria:
        for side in (criterion.left, criterion.right):
            if not _is_bound(side) or side.callable is None:
                continue
            for cell in side.callable.__closure__ or ():
                state = cell.cell_contents
                if type(state).__name__ != "InstanceState":
                    continue
                for prop in state.manager.mapper.relationships:
                    if side._identifying_key in prop._lazy_strategy._bind_to_col:  # noqa: SLF001
                        return state, prop
    return None


def _written(statement: Any, kind: str, frames: list[FrameType]) -> Facts:
    """A flush writes what has changed at once, as far as the database can."""
    flushes = any(frame.f_code.co_name == "_flush" for frame in frames)
    if not flushes and _is_in_flush(frames[-1]):
        return Facts(batch=False)
    mapper = statement._propagate_attrs.get("plugin_subject") or _flushed(frames)  # noqa: SLF001
    name = statement.table.name if mapper is None else _name(mapper)
    if kind == "insert":
        rows = "session.add_all(rows)" if flushes else f"execute(insert({name}), rows)"
        return Facts(fix=rows)
    key = None if mapper is None else mapper.primary_key[0]
    if flushes and kind == "update":
        return Facts(fix=f"session.execute(update({name}), rows)")
    for criterion in _criteria(statement):
        if _is_choice(criterion) and _is_bound(criterion.right):
            key = criterion.left
    if key is None:
        return NOTHING
    if kind == "update" and not _is_constant(statement):
        return Facts(fix=f"execute(update({name}), rows)")
    where = f"where({_column(mapper, key)}.in_({_plural(key)}))"
    return Facts(fix=f"execute({kind}({name}).{where})")


def _is_constant(statement: Any) -> bool:
    """Whether an UPDATE sets nothing that is a parameter: then it is the same for each row."""
    values = getattr(statement, "_values", None) or {}
    return not any(_is_bound(value) for value in values.values())


def _is_in_flush(frame: FrameType) -> bool:
    """Whether the loop around ``frame`` is that of a flush."""
    around = frame.f_back
    while around is not None and not application.owns(around.f_code):
        if around.f_code.co_name == "_flush":
            return True
        around = around.f_back
    return False


def _flushed(frames: list[FrameType]) -> Any:
    for frame in frames:
        if frame.f_code.co_filename.endswith("persistence.py") and "mapper" in frame.f_locals:
            return frame.f_locals["mapper"]
    return None


def _way(loads: dict[int, Load], run: int | None, path: Any, depth: int = 10) -> tuple[Location | None, list[Step]]:
    """Where the application loaded what came by ``path``, and the steps from there."""
    load = loads.get(run) if run is not None else None
    if load is None or load.owner is None or not depth:
        return None if load is None else load.where, _steps(path)
    outer = load.path.path
    if path.path[: len(outer)] == outer:
        return _way(loads, load.owner, path, depth - 1)
    where, steps = _way(loads, load.owner, load.path, depth - 1)
    return where, [*steps, *_steps(path)]


def _steps(path: Any) -> list[Step]:
    parts = path.path
    return [
        (_holder(parts[i], parts[i + 1]), parts[i + 1])
        for i in range(0, len(parts) - 1, 2)
        if hasattr(parts[i + 1], "key")
    ]


def _last(state: Any) -> Any:
    """What an object was loaded as: a class, or one that it inherits from."""
    path = state.load_path.path
    return path[-1] if path else state.manager.mapper


def _holder(entity: Any, prop: Any) -> Any:
    """The class that has the attribute: what the rows were loaded as, if it inherits it."""
    return entity if entity.mapper.isa(prop.parent) else prop.parent


def _name(entity: Any) -> str:
    return str(entity.class_.__name__)


def _options(steps: list[Step]) -> str:
    """The loader options for a chain of relationships."""
    return ".".join(
        f"{'selectinload' if prop.uselist else 'joinedload'}({_name(holder)}.{prop.key})"
        for holder, prop in steps
    )


def _among(holder: Any, prop: Any) -> str:
    """The statement that loads a collection for many objects at once."""
    target = prop.mapper
    if prop.secondary is not None:
        key = holder.mapper.primary_key[0]
        attribute = _column(holder.mapper, key)
        return f"select({_name(target)}).join({_name(holder)}.{prop.key}).where({attribute}.in_({_plural(key)}))"
    column = prop.local_remote_pairs[0][1]
    return f"select({_name(target)}).where({_column(target, column)}.in_(ids))"


def _in(mapper: Any) -> str:
    key = mapper.primary_key[0]
    return f"select({_name(mapper)}).where({_column(mapper, key)}.in_({_plural(key)}))"


def _column(mapper: Any, column: Any) -> str:
    """A column as the application writes it."""
    about = getattr(column, "_annotations", {})
    entity = about.get("parententity") or mapper
    if entity is None:
        return f"{column.table.name}.c.{column.key}"
    return f"{_name(entity)}.{about.get('proxy_key') or _key(entity.mapper, column)}"


def _key(mapper: Any, column: Any) -> str:
    if column in mapper._columntoproperty:  # noqa: SLF001
        return str(mapper._columntoproperty[column].key)  # noqa: SLF001
    return str(column.key)


def _plural(column: Any) -> str:
    return "ids" if str(column.key).endswith("id") else "values"
