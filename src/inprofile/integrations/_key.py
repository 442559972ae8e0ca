"""Which key of a cache a command is for: what tells a loop of commands.

The command is told by its name and the key with ``{id}`` for what looks like a value; the key
itself is the element, of which only a hash is kept.
"""

import re

from inprofile.core.elements import element
from inprofile.core.model import Span
from inprofile.core.repeats import notice
from inprofile.core.sites import Explain

MAX_KEY = 250
"""Longer keys have no template: memcached knows none, and nobody reads them."""

MAX_WORD = 32
"""A run of letters that is longer is a value."""

_SIMPLE = re.compile(
    r"((?:[A-Za-z_]{1,32}[:.|/-])*)([A-Za-z_]{0,32})(\d+)((?:[:.|/-][A-Za-z_]{1,32})*)"
)
"""Most keys: one number between words. Three times as quick as looking for more."""

_VALUE = (
    r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|\d{4}-\d\d-\d\d(?:[T ][\d:.+Z-]+)?"
    r"|[^\W_]+(?:[%+~$*!'\"\\][^\W_]*)*"
)
_PART = re.compile(_VALUE)
"""What may be a value: a UUID, a date, or a run of letters and digits."""

_PART_OR_ADDRESS = re.compile(r"[^\s:/|,;#{}()\[\]<>=&?@]+@[^\s:/|,;]+|" + _VALUE)

_HEX = re.compile(r"(?=.*\d)[0-9a-fA-F]{6,}|[0-9a-f]{16,}")
_VERSION = re.compile(r"[vV]\d{1,3}")
_NUMBERED = re.compile(r"([A-Za-z]{1,20})\d+")


def commanded(
    span: Span, command: str, key: object, more: object = None, explain: Explain | None = None
) -> None:
    """Note a command for one ``key`` that is about to be sent.

    ``more`` are the fields or members of it that are meant. Keys are looked at if they are texts
    or bytes. To be called by a hook of a timing wrapper. Costs 2 microseconds.
    """
    kind = type(key)
    if kind is bytes:
        text = key.decode("utf-8", "replace") if len(key) <= MAX_KEY else ""  # type: ignore[attr-defined, arg-type]
    elif kind is str:
        text = str(key)
    elif kind is int:
        text = "0"
    elif issubclass(kind, str):
        key = text = str.__str__(key)  # without code of its class
    else:
        return
    value = hash(key) if more is None else hash((key, element(more)))
    notice(span, value, f"{command} {template(text)}", explain)


def template(key: str) -> str:
    """The key with ``{id}`` for what looks like a value; words stay."""
    if len(key) > MAX_KEY:
        return "{id}"
    simple = _SIMPLE.fullmatch(key)
    if simple is not None:
        words, word, number, more = simple.groups()
        if not _HEX.fullmatch(word + number) and not (word in {"v", "V"} and len(number) <= 3):  # noqa: PLR2004 - as _VERSION
            return f"{words}{word}{{id}}{more}"
    return (_PART_OR_ADDRESS if "@" in key else _PART).sub(_shown, key)


def _shown(found: re.Match[str]) -> str:
    text = found[0]
    if len(text) <= MAX_WORD and text.isascii():
        if text.isalpha() and not _HEX.fullmatch(text):
            return text
        if _VERSION.fullmatch(text):
            return text
        numbered = _NUMBERED.fullmatch(text)
        if numbered is not None and not _HEX.fullmatch(text):
            return numbered[1] + "{id}"
    return "{id}"
