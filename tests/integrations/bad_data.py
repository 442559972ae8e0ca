"""Objects and texts that cannot be written or read as data."""

# mypy: disable-error-code="arg-type, attr-defined, call-arg, call-overload, dict-item, index, misc"

import contextlib
import json
from typing import Any

import msgspec
import orjson

from tests.integrations.bad_values import Pretending, Text, given, library
from tests.integrations.mysql_parts import Unlucky


def nested():
    inside: list = []
    for _ in range(100_000):
        inside = [inside]
    return inside


class Broken:
    """A file that cannot be written to or read from."""

    def write(self, text):
        raise OSError("disk full")

    def read(self):
        raise OSError("disk gone")


OBJECTS: dict[str, Any] = {
    "an object": Unlucky(),
    "a stand-in": Pretending(),
    "an object inside": {"a": [Unlucky()]},
    "a lock": contextlib.nullcontext(),
    "a set": {1},
    "half a character": "\ud800",
    "a key that is none": {(1, 2): 3},
    "a key of the user's": {"a": {Text: 1}},
    "a big number": 1 << 80,
    "text of the user's": Text("text"),
}
OBJECTS["what holds itself"] = [OBJECTS]

TEXTS: dict[str, Any] = {
    "None": None,
    "a number": 7,
    "nothing": "",
    "half": '{"a": ',
    "half, as bytes": b"[1, ",
    "no text": b"\xff",
    "10 MB": "x" * 10_000_000,
    "deep": "[" * 100_000,
    "text of the user's": Text("{}"),
    "an object": Unlucky(),
    "a stand-in": Pretending(),
}


def refusing(value):
    raise KeyError("not that")


@library
def json_(request):
    yield {
        **given(json.dumps, "obj", OBJECTS),
        **{f"{name}, read": call for name, call in given(json.loads, "s", TEXTS).items()},
        "no number": lambda: json.dumps(float("nan"), allow_nan=False),
        "deep": lambda: json.dumps(nested()),
        "a default": lambda: json.dumps(object(), default=refusing),
        "a hook": lambda: json.loads("{}", object_hook=refusing),
        "a broken file": lambda: json.dump([1], Broken()),
        "reading a broken file": lambda: json.load(Broken()),
        "no file": lambda: json.dump([1], None),
        "an encoder": lambda: json.JSONEncoder().encode(Unlucky()),
        "a decoder": lambda: json.JSONDecoder().decode(7),
    }


@library
def orjson_(request):
    yield {
        **given(orjson.dumps, "__obj", OBJECTS),
        **{f"{name}, read": call for name, call in given(orjson.loads, "__obj", TEXTS).items()},
        "a default": lambda: orjson.dumps(object(), default=refusing),
        "an option": lambda: orjson.dumps(1, option="x"),
    }


@library
def msgspec_(request):
    calls: dict[str, Any] = {}
    for module in (msgspec.json, msgspec.msgpack):
        written, read = given(module.encode, "obj", OBJECTS), given(module.decode, "buf", TEXTS)
        calls |= {f"{name}, {module.__name__}": call for name, call in written.items()}
        calls |= {f"{name}, read, {module.__name__}": call for name, call in read.items()}
    calls["another type"] = lambda: msgspec.json.decode("[1]", type=dict[str, int])
    calls["a hook"] = lambda: msgspec.json.encode(object(), enc_hook=refusing)
    yield calls
