"""Values that a client is given before it makes a text of them: read where they are plain data."""

import json
from itertools import chain
from typing import Any
from urllib.parse import urlencode

MAX_PARTS = 200
"""Values of more parts are not read."""

PLAIN = frozenset({str, int, float, bool, type(None)})
"""Types whose values run no code of the user's when they are read."""


def query(params: Any) -> str:
    """The query that ``params`` become; nothing of what is no plain data."""
    kind = type(params)
    if kind is str:
        return str(params)
    pairs = list(params.items()) if kind is dict else params if kind in {list, tuple} else ()
    read = [pair for pair in pairs if type(pair) is tuple and len(pair) == 2 and is_plain(pair)]  # noqa: PLR2004
    return urlencode(read, doseq=True)


def body(value: Any) -> str:
    """A text that differs where plain data differ; empty for other data."""
    return json.dumps(value) if value is not None and is_plain(value) else ""


def is_plain(value: Any) -> bool:
    """Whether a value and all of its parts are plain data, and few."""
    left, seen = [value], 0
    while left:
        each = left.pop()
        seen += 1
        kind = type(each)
        if seen > MAX_PARTS or (kind not in PLAIN and kind not in {dict, list, tuple}):
            return False
        if kind is dict:
            left += chain(each.keys(), each.values())
        elif kind in {list, tuple}:
            left += each
    return True
