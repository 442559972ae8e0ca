"""What a statement of SQLAlchemy's is run for: its relation by name, and what to write instead.

Reads names that SQLAlchemy calls private, each pinned by a test. Where one is missing a statement
is one of a driver's: found, but without its relation.
"""

from types import FrameType
from typing import Any

from inprofile.core.application import application
from inprofile.core.elements import element
from inprofile.core.frames import Stand
from inprofile.core.guard import guard
from inprofile.core.model import Location, Span
from inprofile.core.repeats import notice
from inprofile.core.sites import NOTHING, Facts
from inprofile.integrations._lookup import looked_up
from inprofile.integrations._one_by_one import instead
from inprofile.integrations._sqlalchemy_code import (
    Step,
    among,
    anew,
    attribute_of,
    holder_of,
    named,
    options_at_any_depth,
    options_for,
    plural,
)
from inprofile.integrations._sqlalchemy_loads import Loads, loaded_as, way

LOAD_OPTIONS = "_sa_orm_load_options"
REFRESHED, EAGER = "refreshed", "eager"


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
    if not (context.isinsert and context.executemany):  # rows that go one by one all the same
        looked_up(span, statement, parameters, None, explain)


def _loaded(span: Span, owner: Any, subject: object) -> None:
    key = owner.key
    notice(span, id(owner) if key is None else element(key[1]), subject, explain)


def _property(context: Any) -> Any:
    """The relationship that is loaded, if it is one."""
    try:
        path = context.compiled.compile_state.compile_options._current_path  # noqa: SLF001
    except AttributeError:  # text, and what writes
        return None
    return getattr(path, "prop", None)


def explain(span: Span, stand: Stand, frames: list[FrameType]) -> Facts:
    """The relation that a repeated statement loads, what to write instead, and where."""
    try:
        facts = _explained(span, _inside(span, stand, frames[0]))
    except Exception as error:  # another SQLAlchemy than the ones we know
        guard.caught(error)
        facts = NOTHING
    return instead(span, stand, frames) if facts is NOTHING else facts


def _inside(span: Span, stand: Stand, frame: FrameType) -> list[FrameType]:
    """The frames of this thread or greenlet from ``frame`` out to the loop, without the loop's.

    Those that another statement has met are among them.
    """
    operations = [each for each in (span.trace.operations or {}).values() if hasattr(each, "sites")]
    sites = [site for each in operations for site in each.sites if site.stand is stand]
    loop = sites[0].met.mark if sites and sites[0].met is not None else None
    found: list[FrameType] = []
    each: FrameType | None = frame
    while each is not None and (loop is None or each.f_trace is not loop):
        found.append(each)
        each = each.f_back
    return found


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
    if prop is not None and options is not None:
        return _eager(context, frames)
    return NOTHING if context is None else _stated(loads, context, frames)


def _lazy(loads: Loads, owner: Any, prop: Any) -> Facts:
    where, steps = way(loads, owner.runid, owner.load_path)
    holder = holder_of(loaded_as(owner), prop)
    return Facts(
        f"{named(holder)}.{prop.key}", options_at_any_depth([*steps, (holder, prop)]), where
    )


def _eager(context: Any, frames: list[FrameType]) -> Facts:
    """A select-in load of one object. That SQLAlchemy itself goes on is no loop of the user's."""
    prop, parent = _property(context), _parent(context)
    if not any(frame.f_code.co_name == "chunks" for frame in frames):
        return Facts(batch=False)
    holder = holder_of(parent, prop)
    return Facts(f"{named(holder)}.{prop.key}", options_for([(holder, prop)]))


def _parent(context: Any) -> Any:
    return context.compiled.compile_state.compile_options._current_path.path[-2]  # noqa: SLF001


def _refreshed(loads: Loads, state: Any, context: Any, frames: list[FrameType]) -> Facts:
    """What was deferred, has expired or is asked for anew."""
    options = context.compiled.compile_state.compile_options
    only = options._only_load_props or frozenset()  # noqa: SLF001
    mapper = state.manager.mapper
    where, steps = way(loads, state.runid, state.load_path)
    if context.execution_options[LOAD_OPTIONS]._is_user_refresh:  # noqa: SLF001
        return _asked_anew(mapper, only, steps, where)
    key = _read(frames, only)
    relation = f"{named(holder_of(loaded_as(state), mapper._props[key]))}.{key}"  # noqa: SLF001
    if _is_deferred(frames):
        fix = options_for(steps)
        return Facts(
            relation, f"{fix}.undefer({relation})" if fix else f"undefer({relation})", where
        )
    column = None if state.expired else mapper.columns.get(key)
    rows = loaded_as(state).mapper
    if column is not None and not any(column.table is each for each in rows.tables):
        return Facts(relation, f"selectin_polymorphic({named(rows)}, [{named(mapper)}])", where)
    if column is not None and (column.server_default or column.server_onupdate) is not None:
        return Facts(relation, '__mapper_args__ = {"eager_defaults": True}', where)
    if state.expired and state.session.expire_on_commit:
        return Facts(relation, "expire_on_commit=False", where)
    return Facts(relation, f"{anew(mapper)}.execution_options(populate_existing=True)", where)


def _asked_anew(mapper: Any, only: Any, steps: list[Step], where: Location | None) -> Facts:
    """session.refresh: a relation is loaded by a statement of its own, unless it is joined."""
    relations = [mapper.relationships[key] for key in only if key in mapper.relationships]
    own = only - {prop.key for prop in relations} - set(mapper._primary_key_propkeys)  # noqa: SLF001
    if relations and not own:
        prop = relations[0]
        if prop.lazy not in {"joined", False}:
            return Facts(batch=False)
        return Facts(f"{named(mapper)}.{prop.key}", options_for([*steps, (mapper, prop)]), where)
    return Facts("", f"{anew(mapper)}.execution_options(populate_existing=True)", where)


def _read(frames: list[FrameType], only: Any) -> str:
    """The attribute that was asked for: of those that are loaded."""
    for frame in frames:
        if frame.f_code.co_name == "_fire_loader_callables":
            return str(frame.f_locals.get("key"))
    return min(only, default="")


def _is_deferred(frames: list[FrameType]) -> bool:
    """Whether the column was left out when its object was loaded."""
    names = [frame.f_code.co_name for frame in frames]
    read = names.index("_fire_loader_callables") if "_fire_loader_callables" in names else 0
    return "_load_for_state" in names[:read]


def _stated(loads: Loads, context: Any, frames: list[FrameType]) -> Facts:
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
        where, steps = way(loads, owner.runid, owner.load_path)
        holder = holder_of(loaded_as(owner), prop)
        is_whole = appender is None and len(criteria) == len(prop.local_remote_pairs)
        if is_whole and prop.lazy not in {"dynamic", "write_only"}:
            fix = options_for([*steps, (holder, prop)])
        else:
            fix = among(holder, prop)
        return Facts(f"{named(holder)}.{prop.key}", fix, where)
    mapper = statement._propagate_attrs.get("plugin_subject")  # noqa: SLF001
    for criterion in criteria:
        column, value = criterion.left, criterion.right
        if _is_bound(column):  # Order.customer == customer
            column, value = value, column
        if hasattr(column, "table") and _is_choice(criterion) and _is_bound(value):
            return Facts(fix=f"where({attribute_of(mapper, column)}.in_({plural(column)}))")
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
    name = statement.table.name if mapper is None else named(mapper)
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
    where = f"where({attribute_of(mapper, key)}.in_({plural(key)}))"
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
