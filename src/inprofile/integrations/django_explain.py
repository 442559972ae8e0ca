"""What a statement of Django's ORM in a loop is for: told by the library's frames around it."""

import linecache
import re
from collections.abc import Callable, Iterator
from itertools import islice
from types import CodeType, FrameType
from typing import Any

from inprofile.core.application import application
from inprofile.core.frames import Stand, interpreters
from inprofile.core.guard import guard
from inprofile.core.model import Location, Span
from inprofile.core.sites import Facts
from inprofile.integrations import django_fixes as fixes
from inprofile.integrations._signature import OURS
from inprofile.integrations.django_loads import Load, Way, way
from inprofile.integrations.django_many import filters, many
from inprofile.integrations.django_origin import origin
from inprofile.integrations.django_relations import Relation, of_manager, related, relations_of

SILENT = Facts(batch=False)

MAX_FRAMES = 60
"""Frames of the library that are looked at between a statement and the application's line."""

CACHES = ("ContentTypeManager.", "SiteManager.", "ModelBackend._get_permissions")
"""What fills a cache of the framework's, once for each of its keys."""

BULK = ("QuerySet.bulk_create", "QuerySet.bulk_update", "QuerySet.in_bulk")

WRITES = frozenset(("INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE"))

INSIDE = "<locals>."

MAX_LINES = 50
"""Lines before a query in which it is looked for what a variable was set to."""

_VARIABLE = re.compile(r"[A-Za-z_]\w*")
_SET = re.compile(r"\s*(?:([A-Za-z_]\w*) *= *([^=].*)|(?:async )?for +([A-Za-z_]\w*) +in +(.*):)")
_WRAPPED = re.compile(r"\w+\((.+)\)")
_CALL = re.compile(r"\.\w+\([^()]*\)|#.*")


class Seen:
    """What stands on the stack between a statement and the application's line.

    ``fresh`` are the frames that the loop called anew; a frame that is not is around it.
    """

    def __init__(self, span: Span, stand: Stand, frames: list[FrameType]) -> None:
        self.span = span
        self.stand = stand
        self.frame = frames[0]
        self.fresh = set(map(id, frames))
        self.frames = list(_library(frames[0]))
        self.verb = str((span.attributes or {}).get("db.operation.name", "")).upper()

    def is_awaited(self, name: str) -> bool:
        """Whether a function of a library, of this name, waits for the statement in a thread."""
        for each in self.stand.outwards():
            code = each.mark.code
            if application.owns(code):
                break
            if code.co_qualname == name:
                return True
        return False

    @property
    def now_ns(self) -> int:
        """When the queryset is evaluated that runs the statement; 0 where none is."""
        around = self.span.parent
        return around.start_ns if around is not None and around.kind == "orm" else 0

    @property
    def own(self) -> Load | None:
        """The load that the statement is for."""
        loads = (self.span.trace.loads or {}).values()
        return next((each for each in loads if each.last_ns == self.now_ns), None)

    def way(self, model: Any, after: str) -> Way:
        """How the rows of ``model`` were reached whose attribute ``after`` is read."""
        return way(self.span.trace.loads, model, _source(self.stand), after, self.now_ns)


def explain(span: Span, stand: Stand, frames: list[FrameType]) -> Facts:
    """The relation that a statement loads row by row, and what loads it for all of them."""
    try:
        return _explained(span, stand, frames)
    except Exception as error:
        guard.caught(error)
        return Facts()


def _explained(span: Span, stand: Stand, frames: list[FrameType]) -> Facts:
    seen = Seen(span, stand, frames)
    asked: tuple[str, FrameType] | None = None
    inner: FrameType | None = None
    for name, frame in seen.frames:
        if name.startswith(CACHES):
            return SILENT
        if name.startswith(BULK) and id(frame) not in seen.fresh:
            return SILENT
        load = LOADS.get(name)
        if load is not None:
            facts = load(seen, frame)
            if facts is not None:
                return facts
        if name.startswith(("QuerySet.", "RawQuerySet.")):
            inner = inner or frame
            asked = name.partition(".")[2], frame
    for name, frame in reversed(seen.frames):
        write = _WRITTEN.get(name.rpartition(INSIDE)[2])
        if write is not None:
            return write(seen, frame)
    if asked is None or inner is None:
        return Facts(fix=fixes.raw(seen.verb))
    return _queryset(seen, asked[0], inner.f_locals.get("self"), asked[1])


def _library(frame: FrameType | None) -> Iterator[tuple[str, FrameType]]:
    """Django's frames up to the application's line, with the names of their functions.

    A method of the application's that overrides the one of Django's that it calls is passed.
    """
    last = ""
    for _ in range(MAX_FRAMES):
        if frame is None:
            return
        code = frame.f_code
        if application.owns(code):
            if code.co_name != last:
                return
        elif id(code) in interpreters:
            return
        elif _is_djangos(frame):
            last = code.co_name
            yield code.co_qualname, frame
        frame = frame.f_back


def _is_djangos(frame: FrameType) -> bool:
    """Whether a function is Django's, and not the wrapper that stands for it here."""
    module = str(frame.f_globals.get("__name__"))
    return module.startswith("django.") and frame.f_code.co_filename != OURS


def _source(stand: Stand) -> str:
    """The text of the query's expression, or of its line, along the path to its rows."""
    text = ""
    fields: list[str] = []
    for each in stand.outwards():
        code = each.mark.code
        if each.part is not None:
            if not text and not fields:
                known = interpreters.get(id(code))
                place = None if known is None else known.locate(each.part)
                text = "" if place is None else linecache.getline(place.file, place.line)
            fields.insert(0, str(getattr(each.part, "name", "")))
        elif application.owns(code):
            if text or fields:
                break
            at = each.position if isinstance(each.position, int) else each.position[0]
            text = _along(code, _text(code, at), at)
    return f"{text} .{'.'.join(fields)}" if fields else text


def _along(code: CodeType, text: str, at: int) -> str:
    """The expression, with what its variable was set to in the lines before instead of that."""
    while (call := _WRAPPED.fullmatch(text)) is not None:
        text = call[1]
    first = code.co_firstlineno
    last = next((place[0] for place in islice(code.co_positions(), at // 2, None)), None) or first
    for number in range(last, max(first, last - MAX_LINES), -1):
        name = _VARIABLE.match(text)
        if name is None:
            break
        found = _SET.match(linecache.getline(code.co_filename, number))
        if found is not None and (found[1] or found[3]) == name[0]:
            value = found[2] or found[4]
            while value != (value := _CALL.sub("", value)):
                pass
            text = value.strip() + text[name.end() :]
    return text


def _text(code: CodeType, at: int) -> str:
    first, last, start, end = next(islice(code.co_positions(), at // 2, None), (None,) * 4)
    if not first:
        return ""
    line = linecache.getline(code.co_filename, first)
    if first != last or start is None:
        return line
    return line.encode()[start:end].decode("utf-8", "replace")


def _forward(seen: Seen, frame: FrameType) -> Facts | None:
    local = frame.f_locals
    field, instance = local["self"].field, local["instance"]
    return _one(seen, relations_of(instance).get(field.name))


def _reverse(seen: Seen, frame: FrameType) -> Facts | None:
    local = frame.f_locals
    name = local["self"].related.get_accessor_name()
    return _one(seen, relations_of(local["instance"]).get(name))


def _generic(seen: Seen, frame: FrameType) -> Facts | None:
    local = frame.f_locals
    field = getattr(local["self"], "field", local["self"])
    return _one(seen, relations_of(local["instance"]).get(field.name))


def _one(seen: Seen, relation: Relation | None) -> Facts | None:
    if relation is None:
        return None
    found = seen.way(relation.owner, relation.name)
    fix = fixes.loaded(found, relation)
    return Facts(str(relation), fix, _where(seen, found), each=_each(found))


def _each(found: Way) -> bool:
    """Whether rows that were loaded once are asked for what they keep: then each was asked once."""
    load = found.load
    return load is not None and not load.single and load.count == 1


def _deferred(seen: Seen, frame: FrameType) -> Facts | None:
    local = frame.f_locals
    field, instance = local["self"].field, local["instance"]
    owner = type(instance)
    found = seen.way(owner, field.attname)
    relation = f"{owner.__name__}.{field.attname}"
    fix = fixes.column(found, owner, field.name)
    return Facts(relation, fix, _where(seen, found), each=_each(found))


def _refreshed(seen: Seen, frame: FrameType) -> Facts | None:
    for name, _outer in seen.frames:
        if name.startswith("DeferredAttribute."):
            return None  # which is what it is for
    model = type(frame.f_locals["self"])
    return Facts(fix=fixes.refreshed(model), where=_where(seen, seen.way(model, "refresh_from_db")))


def _prefetched(seen: Seen, frame: FrameType) -> Facts | None:
    """A batch for some rows, unless it is one for each of them."""
    local = frame.f_locals
    instances, lookup, level = local["instances"], local["lookup"], local["level"]
    if len(instances) != 1:
        return SILENT
    outward = iter(seen.frames)
    for _name, each in outward:
        if each is frame:
            break
    for name, each in outward:
        if name.startswith("QuerySet.") or name.endswith(".fetch_many"):
            return SILENT  # the queryset's own, each time that it is evaluated
        if name == "prefetch_related_objects" and id(each) not in seen.fresh:
            return SILENT
    if seen.is_awaited("QuerySet.aiterator"):
        return SILENT
    owner = type(instances[0])
    name = lookup.prefetch_through.split("__")[level]
    relation = relations_of(instances[0]).get(name)
    found = seen.way(owner, name)
    return Facts(
        f"{owner.__name__}.{name}" if relation is None else str(relation),
        fixes.prefetched(owner, lookup.prefetch_through, found),
        _where(seen, found),
    )


def _serialized(seen: Seen, frame: FrameType) -> Facts | None:
    """A row's rows as ``django.core.serializers`` ask for them, unless they are there already."""
    local = frame.f_locals
    relation = relations_of(local["obj"]).get(local["field"].name)
    if relation is None:
        return None
    found = seen.way(relation.owner, relation.name)
    fix = f'prefetch_related("{fixes.path_of((*found.steps, relation))}")'
    return Facts(str(relation), f"{fix} {fixes.put_on(found, relation)}", _where(seen, found))


def _batch(_seen: Seen, _frame: FrameType) -> Facts:
    return SILENT


def _queryset(seen: Seen, method: str, queryset: Any, outer: FrameType) -> Facts:
    """What a queryset asks for; ``method`` is the one of its methods that was called."""
    if queryset is None or not hasattr(queryset, "_hints"):
        return Facts(fix=fixes.raw(seen.verb))
    if getattr(queryset, "_query", None) is None:
        return Facts(fix=fixes.raw(seen.verb))
    relation = _across(seen) or related(queryset)
    if relation is None or seen.verb in WRITES:
        return Facts(fix=fixes.asked(queryset, method, seen.verb), few=method == "get")
    found = seen.way(relation.owner, relation.name)
    own = seen.own
    if filters(queryset._query, relation) and _is_one(found, own):  # noqa: SLF001
        fix = fixes.asked(queryset, method, seen.verb, relation)
        return Facts(str(relation), fix, _where(seen, found))
    values = outer.f_locals if method == "aggregate" else {}
    return Facts(
        str(relation),
        many(found, relation, queryset, method, values),
        _where(seen, found),
        each=own is not None and own.varies and bool(found.steps) and _each(found),
    )


def _is_one(found: Way, own: Load | None) -> bool:
    """Whether it is one row all the time whose relation is asked for: with other values each."""
    load = found.load
    if load is None or found.steps or (own is not None and own.varies):
        return False
    return load.single and load.count == 1


def _across(seen: Seen) -> Relation | None:
    """The many-to-many relation whose rows are counted in the table between."""
    for name, frame in seen.frames:
        if name.endswith(("ManyRelatedManager.count", "ManyRelatedManager.exists")):
            return of_manager(frame.f_locals["self"])
    return None


def _where(seen: Seen, found: Way) -> Location | None:
    load: Load | None = found.load
    if found.outer is not None and found.held == "" and found.outer.load is not None:
        load = found.load or found.outer.load
    if load is None or load.code is not None:
        return None if load is None else load.location
    return origin(seen.frame, load.model)


def _saved(seen: Seen, frame: FrameType) -> Facts:
    local = frame.f_locals
    instance = local.get("self")
    return Facts(fix=fixes.saved(type(instance), seen.verb, local.get("update_fields")))


def _made(seen: Seen, frame: FrameType) -> Facts:
    queryset = frame.f_locals.get("self")
    return Facts(fix=fixes.made(getattr(queryset, "model", None), frame.f_code.co_name, seen.verb))


def _deleted(_seen: Seen, frame: FrameType) -> Facts:
    return Facts(fix=fixes.deleted(type(frame.f_locals.get("self"))))


def _attached(_seen: Seen, frame: FrameType) -> Facts:
    return Facts(fix=fixes.attached(frame.f_locals.get("self"), frame.f_code.co_name))


LOADS: dict[str, Callable[[Seen, FrameType], Facts | None]] = {
    "DeferredAttribute.__get__": _deferred,  # before 6.1
    "DeferredAttribute.fetch_one": _deferred,
    "DeferredAttribute.fetch_many": _batch,
    "ForwardManyToOneDescriptor.get_object": _forward,
    "ReverseOneToOneDescriptor.__get__": _reverse,  # before 6.1
    "ReverseOneToOneDescriptor.fetch_one": _reverse,
    "GenericForeignKey.__get__": _generic,  # before 6.1
    "GenericForeignKeyDescriptor.fetch_one": _generic,
    "prefetch_one_level": _prefetched,
    "Serializer.handle_m2m_field": _serialized,
    "Model.refresh_from_db": _refreshed,
}
"""What loads one row's relation or column, by the name of the function, the innermost first."""

_WRITTEN: dict[str, Callable[[Seen, FrameType], Facts]] = {
    "Model.save_base": _saved,
    "Model.delete": _deleted,
    "QuerySet.create": _made,
    "QuerySet.get_or_create": _made,
    "QuerySet.update_or_create": _made,
    "QuerySet.bulk_create": _made,
    "QuerySet.bulk_update": _made,
    "ManyRelatedManager.add": _attached,
    "ManyRelatedManager.remove": _attached,
    "ManyRelatedManager.set": _attached,
    "ManyRelatedManager.clear": _attached,
    "RelatedManager.add": _attached,
    "RelatedManager.remove": _attached,
    "RelatedManager.set": _attached,
    "RelatedManager.clear": _attached,
}
"""What changes one row at a time, by the name of the function, the outermost first."""
