"""Which statements look something up for one element, so that one for many could serve."""

from collections.abc import Hashable
from types import FrameType
from typing import Any

from inprofile.core.elements import element
from inprofile.core.frames import Stand
from inprofile.core.model import Attributes, Span
from inprofile.core.repeats import notice
from inprofile.core.sites import Explain, Facts
from inprofile.integrations._one_by_one import instead
from inprofile.integrations._sql_reading import PLAIN, Reading, Reference, read

MAX_TEXT = 10_000
"""Longer statements are not read: they are no lookup of one element."""

MAX_PAGES = 1000
"""Pages of one trace that are remembered."""

ONE = frozenset({"1", "'1"})
"""How a page of a single row is asked for, which is none."""

MAX_TEXTS = 2048
"""Statements remembered that look up one element."""

_plain_texts: dict[str, Attributes] = {}
"""Those, with the attributes of their spans: the same ones mean that it is the same database."""

PLAIN_VALUES = frozenset({tuple, list, dict, type(None)})


def looked_up(
    span: Span,
    text: Any,
    values: Any,
    subject: Hashable = None,
    explain: Explain | None = instead,
    value: int | None = None,
) -> None:
    """Note a statement that is about to run with ``values``, unless it serves many elements.

    A batch or a page is one whose list or place changes from run to run; where it stays, it is
    for its other values that the statement runs again. ``value`` tells its element from others
    where the values do not. To be called by a hook of a timing wrapper. Costs 0.6 microseconds
    and what ``notice`` costs.
    """
    parent, attributes = span.parent, span.attributes
    if parent is not None and parent.kind == "cache":
        return  # a cache in a database: what is called again and again is the cache
    if values.__class__ not in PLAIN_VALUES:
        values = _plain_values(values)
    if type(text) is not str:
        text = _text(text)
    if attributes is None or _plain_texts.get(text) is not attributes:
        if not 0 < len(text) <= MAX_TEXT:
            return
        reading = _read(text, attributes)
    else:
        reading = PLAIN
    if reading is not PLAIN:
        progress = None if reading.serves_many else _progress(reading, values)
        is_only = (
            progress is not None
            and bool(reading.others)
            and _is_only(span, element([_value(each, values) for each in reading.others]), progress)
        )
        if reading.serves_many or (
            progress is not None
            and not is_only
            and not (reading.has_more and _stays(span, progress))
        ):
            if span.trace.recorder.thorough:  # a recording says of each statement where it ran
                notice(span, 0, ("serves many", span.name), _unbatchable)
            return
        if progress is not None and not is_only:
            subject = span.name, subject, progress
    told = (element(values) if values else hash(text)) if value is None else value
    notice(span, told, subject, explain)


def _read(text: str, attributes: Attributes | None) -> Reading:
    reading = read(text, str((attributes or {}).get("db.system.name", "")))
    if reading is PLAIN and attributes is not None:
        if len(_plain_texts) >= MAX_TEXTS:
            _plain_texts.clear()
        _plain_texts[text] = attributes
    return reading


def _unbatchable(_span: Span, _stand: Stand, _frames: list[FrameType]) -> Facts:
    return Facts(batch=False)


def _text(text: Any) -> str:
    """A statement of another class than ``str``, without code of that; empty where it is none."""
    if issubclass(type(text), str):
        return str.__str__(text)
    return text.decode("utf-8", "replace") if type(text) is bytes else ""


def _plain_values(values: Any) -> Any:
    """Parameters of a class of somebody's, without its code: named tuples, rows, mappings."""
    kind = type(values)
    if issubclass(kind, tuple):
        return tuple(tuple.__iter__(values))
    if issubclass(kind, dict):
        return dict(dict.items(values))
    if issubclass(kind, list):
        return list(list.__iter__(values))
    return (values,)  # drivers of MySQL take a single one as it is


def _progress(reading: Reading, values: Any) -> int | None:
    """A number for what goes on from run to run; None where nothing does."""
    found: list[object] = [_value(each, values) for each in reading.lists]
    for each in reading.arrays:
        value = _value(each, values)
        if (type(value) is list or type(value) is tuple) and len(value) > 1:
            found.append(value)
    if reading.limit is not None and str(_plain(_value(reading.limit, values))) not in ONE:
        found += [_value(each, values) for each in reading.cursors]
    return element(found) if found else None


def _plain(value: object) -> object:
    """A number or a text; anything else may be somebody's class, whose code must not run."""
    return value if type(value) is int or type(value) is str else None


def _value(reference: Reference, values: Any) -> object:
    if type(reference) is str:
        if reference[:1] == "'":
            return reference
        return values.get(reference) if type(values) is dict else None
    if type(reference) is not int or type(values) not in {tuple, list}:
        return None
    return values[reference] if -1 < reference < len(values) else None


def _is_only(span: Span, others: int, progress: int) -> bool:
    """Whether it is the only page of rows that are chosen by such values, in all of the trace.

    Once there is another one, what the statement asks for are pages.
    """
    trace = span.trace
    if trace.progress is None:
        trace.progress = {}
    known = trace.progress
    if len(known) >= MAX_PAGES or known.get((span.name, ""), progress) is None:
        return False
    if known.setdefault((span.name, others), progress) != progress:
        known[span.name, ""] = None
        return False
    return True


def _stays(span: Span, progress: int) -> bool:
    """Whether the statement is where it was at its last run, in all of the trace."""
    trace = span.trace
    if trace.progress is None:
        trace.progress = {}
    known = trace.progress.setdefault(span.name, progress)
    if known != progress:
        trace.progress[span.name] = None
    return known == progress
