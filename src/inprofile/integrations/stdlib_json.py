"""json: reading and writing, by the line that calls.

The classes below the functions are timed too: a module that took ``dumps`` by name before us
has the original, and it comes by there.
"""

from inprofile.integrations._about import About
from inprofile.integrations._patch import Patch
from inprofile.integrations._site import serializing

_dumps = serializing("json.dumps")
_loads = serializing("json.loads")

ABOUT = About(
    "json",
    "stdlib",
    "`serialization`: dump, dumps, load, loads, `JSONEncoder.encode` and `JSONDecoder.decode`,"
    " by call site",
    "`iterencode` and `raw_decode` called directly; dump and load that were imported by name"
    " before `inprofile.instrument()` (what they read is seen)",
)

PATCHES = {
    "json": (
        Patch("dump", serializing("json.dump")),
        Patch("dumps", _dumps),
        Patch("load", serializing("json.load")),
        Patch("loads", _loads),
    ),
    "json.encoder": (Patch("JSONEncoder.encode", _dumps),),
    "json.decoder": (Patch("JSONDecoder.decode", _loads),),
}
