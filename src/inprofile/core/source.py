"""The line of source at a location, as the process that runs it has it."""

import linecache

from inprofile.core.model import Location

MAX_CHARACTERS = 200
"""Of one line; what is longer was not written by hand."""


def source_line(location: Location | None) -> str:
    """The line without its indentation; empty where there is none to read.

    Reads the file once and remembers it: after a deployment in place it may differ from what runs.
    """
    if location is None:
        return ""
    try:
        return linecache.getline(location.file, location.line).strip()[:MAX_CHARACTERS]
    except ValueError:  # no name of a file
        return ""
