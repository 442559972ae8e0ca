"""msgspec: encoding and decoding, by the line that calls.

The functions have two names each: the one people use, and the one they are pickled by.
"""

from inprofile.integrations._about import About
from inprofile.integrations._patch import Patch, Wrap
from inprofile.integrations._site import serializing


def _timed(name: str) -> Wrap:
    return serializing(f"msgspec.{name}")


_json = _timed("json.encode"), _timed("json.decode")
_msgpack = _timed("msgpack.encode"), _timed("msgpack.decode")
_to_builtins = _timed("to_builtins")

ABOUT = About(
    "msgspec",
    ">=0.18",
    "`serialization`: encode and decode of JSON and MessagePack, `to_builtins`, by call site",
    "`Encoder` and `Decoder` objects, which cannot be patched; YAML and TOML; functions that were"
    " imported by name before `inprofile.instrument()`",
)

PATCHES = {
    "msgspec._core": (
        Patch("json_encode", _json[0], optional=True),
        Patch("json_decode", _json[1], optional=True),
        Patch("msgpack_encode", _msgpack[0], optional=True),
        Patch("msgpack_decode", _msgpack[1], optional=True),
        Patch("to_builtins", _to_builtins, optional=True),
    ),
    "msgspec": (Patch("to_builtins", _to_builtins),),
    "msgspec.json": (Patch("encode", _json[0]), Patch("decode", _json[1])),
    "msgspec.msgpack": (Patch("encode", _msgpack[0]), Patch("decode", _msgpack[1])),
}
