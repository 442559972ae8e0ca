"""Spans of ours in the place of which another tool exports one of its own."""

from typing import NamedTuple

from inprofile.core.model import Span

SERVER = "server"
DB = "db"
HTTP = "http"

CATEGORIES = {"db": DB, "cache": DB, "http": HTTP}
"""What an operation of each kind of ours would be a second span of."""


class Borrowed(NamedTuple):
    """A span of ours that is another tool's, which exports it; a trace has them by their ids.

    It may be there for theirs alone, to have ours below it; an operation of ours is theirs where
    both are of one category. ``category`` is what theirs is a span
    of: a request, an operation of a database, a request that is sent, or nothing of these.
    ``is_in_trace`` is whether theirs is in the trace that we export.
    """

    span: Span
    category: str
    is_in_trace: bool
