"""Which statements look something up for one element, so that one for many could serve."""

import re
from collections.abc import Hashable
from functools import lru_cache
from types import FrameType
from typing import Any

from inprofile.core.frames import Stand
from inprofile.core.model import Span
from inprofile.core.repeats import Explain, Facts, element, notice

CACHED = 2048
"""Statements remembered by text."""

MAX_TEXT = 10_000
"""Longer statements are not read: they are no lookup of one element."""

_SETUP = frozenset(
    (  # noqa: SIM905 - a list would take a line a word
        "BEGIN START COMMIT ROLLBACK SAVEPOINT RELEASE SET RESET PRAGMA SHOW USE COPY FETCH CLOSE DECLARE "
        "LISTEN UNLISTEN NOTIFY EXPLAIN ANALYZE VACUUM LOCK DISCARD DEALLOCATE PREPARE CREATE ALTER "
        "DROP TRUNCATE ATTACH DETACH CONNECT MOVE KILL"
    ).split()
)
"""Statements that are about the connection and the schema, not about elements."""

_IN_LIST = re.compile(
    r"\bIN\s*\((?!\s*SELECT\b)(?P<list>[^()]*(?:\([^()]*\)[^()]*)*)\)", re.IGNORECASE
)
_ROWS = re.compile(r"\bVALUES\s*\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)\s*,\s*\(", re.IGNORECASE)
_ANY = re.compile(r"=\s*ANY\s*\(|\bUNNEST\s*\(", re.IGNORECASE)
_LIMIT = re.compile(r"\bLIMIT\s+(?P<limit>\S+)(?P<offset>\s+OFFSET\b)?", re.IGNORECASE)
_KEYSET = re.compile(r"\bWHERE\b.*[<>]=?.*\bORDER\s+BY\b", re.IGNORECASE | re.DOTALL)


@lru_cache(CACHED)
def serves_many(text: str) -> bool:
    """Whether a statement serves many elements at once, or none: a batch, a page, set-up.

    Read by its text alone, whose lists have one placeholder for each element.
    """
    text = text.lstrip("( \n\t")
    verb = text.split(None, 1)[0].upper().rstrip(";") if text.strip() else ""
    if verb in _SETUP or not verb:
        return True
    if any("," in found["list"] for found in _IN_LIST.finditer(text)):
        return True
    if verb in {"INSERT", "REPLACE"} and _ROWS.search(text):
        return True
    limit = _LIMIT.search(text)
    return (
        limit is not None
        and limit["limit"] != "1"
        and bool(limit["offset"] or _KEYSET.search(text))
    )


def looked_up(
    span: Span,
    text: Any,
    values: Any,
    subject: Hashable = None,
    explain: Explain | None = None,
    value: int | None = None,
) -> None:
    """Note a statement that is about to run with ``values``, unless it serves many elements.

    ``value`` tells its element from others where the values do not. To be called by a hook of a
    timing wrapper. Costs 0.6 microseconds.
    """
    if type(text) is not str or len(text) > MAX_TEXT:
        return
    if span.parent is not None and span.parent.kind == "cache":
        return  # a cache in a database: what is called again and again is the cache
    if serves_many(text) or (_ANY.search(text) and _has_list(values)):
        if span.trace.recorder.thorough:  # a recording says of each statement where it ran
            notice(span, 0, ("serves many", span.name), _unbatchable)
        return
    if value is None:
        value = element(values) if values else hash(text)
    notice(span, value, subject, explain)


def _unbatchable(_span: Span, _stand: Stand, _frames: list[FrameType]) -> Facts:
    return Facts(batch=False)


def _has_list(values: Any) -> bool:
    kind = type(values)
    if kind is dict:
        values = values.values()
    elif kind is not tuple and kind is not list:
        return False
    return any((type(value) is list or type(value) is tuple) and len(value) > 1 for value in values)
