"""SQL text without its literals: what leaves the request's thread of a statement."""

from functools import lru_cache
from typing import Any

from inprofile.core.model import OTHER, Attributes
from inprofile.integrations._sql_mask import mask
from inprofile.integrations._sql_summary import summarise

CACHED = 2048
"""Statements remembered by text; an ORM issues the same few hundred over and over."""

MAX_TEXT = 10_000
"""Longer statements are cut here before they are read, and not remembered."""

MAX_PARAMETER = 200
"""How far before that a comma is looked for."""

SYSTEMS = {"mssql": "microsoft.sql_server", "oracle": "oracle.db"}
"""Dialect names that differ from OpenTelemetry's db.system.name."""


def describe(system: str, text: Any) -> tuple[str, Attributes]:
    """The masked text of a statement and its attributes, remembered by text.

    ``text`` may be whatever a driver was given. Costs 0.15 microseconds for a known text.
    """
    if type(text) is not str:  # what is not text is not looked at: that may be anybody's code
        if issubclass(type(text), str):
            text = str.__str__(text)
        elif type(text) is not bytes:
            return _described(system, text)
    return (_remembered if len(text) <= MAX_TEXT else _described)(system, text)


def _described(system: str, text: Any) -> tuple[str, Attributes]:
    if issubclass(type(text), (bytes, bytearray)):
        text = bytes(memoryview(text)[: MAX_TEXT + 1]).decode("utf-8", "replace")
    if type(text) is not str:
        text = ""
    is_cut = len(text) > MAX_TEXT
    if is_cut:  # after a whole parameter or row, so that lists of any length look the same
        comma = text.rfind(",", MAX_TEXT - MAX_PARAMETER, MAX_TEXT)
        text = text[: MAX_TEXT if comma < 0 else comma]
    system = SYSTEMS.get(system, system)
    masked = mask(text, system, is_whole=not is_cut)
    summary = summarise(masked)
    about: dict[str, str | int] = {
        "db.system.name": system,
        "db.operation.name": summary.operation or OTHER,
        "db.collection.name": summary.collection,
        "db.query.summary": summary.text,
    }
    return f"{masked} ..." if is_cut else masked or "?", about


_remembered = lru_cache(CACHED)(_described)
