"""orjson: reading and writing JSON, by the line that calls."""

from inprofile.integrations._about import About
from inprofile.integrations._patch import Patch
from inprofile.integrations._site import serializing

ABOUT = About(
    "orjson",
    ">=3.10",
    "`serialization`: dumps and loads, by call site",
    "where they were imported by name (`from orjson import dumps`) before `inprofile.instrument()`",
)

PATCHES = {
    "orjson": (
        Patch("dumps", serializing("orjson.dumps")),
        Patch("loads", serializing("orjson.loads")),
    ),
}
