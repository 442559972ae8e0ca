"""What people want to know of an integration before they trust it."""

from typing import NamedTuple


class About(NamedTuple):
    """A row of docs/integrations.md: what is timed as which stage, and what is not.

    ``versions`` is a version specifier (PEP 440); CI tests its two ends.
    """

    library: str
    versions: str
    timed: str
    not_timed: str = ""
