"""Pydantic: dumping models and whatever a TypeAdapter is of, by the line that calls."""

from inprofile.integrations._about import About
from inprofile.integrations._patch import Patch
from inprofile.integrations._site import serializing

ABOUT = About(
    "Pydantic",
    ">=2.9",
    "`serialization`: `model_dump`, `model_dump_json`, `TypeAdapter.dump_python` and"
    " `dump_json`, by call site",
    "validation; `__pydantic_serializer__` and `pydantic_core` called directly",
)

PATCHES = {
    "pydantic.main": (
        Patch("BaseModel.model_dump", serializing("model_dump")),
        Patch("BaseModel.model_dump_json", serializing("model_dump_json")),
    ),
    "pydantic.type_adapter": (
        Patch("TypeAdapter.dump_python", serializing("dump_python")),
        Patch("TypeAdapter.dump_json", serializing("dump_json")),
    ),
}
