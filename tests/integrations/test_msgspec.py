"""msgspec: functions of every format are timed, and are otherwise what they were."""

import pickle
from typing import Any

import msgspec
import pytest

import inprofile
from tests.integrations.lines import site
from tests.integrations.outcome import differing
from tests.integrations.spans import names, spans


class Point(msgspec.Struct):
    x: int


def two_lines(points):
    for point in points:
        msgspec.json.encode(point)
    return msgspec.json.decode(b'{"x": 1}', type=Point)


def test_repeats_of_a_line_are_one_span_with_a_count(recorded):
    with inprofile.job("work"):
        assert two_lines([Point(1), Point(2)]) == Point(1)
    trace = recorded.trace
    assert spans(trace) == [
        ("serialization", f"msgspec.json.encode {site(two_lines, 'encode')}", "work", 2),
        ("serialization", f"msgspec.json.decode {site(two_lines, 'decode')}", "work", 1),
    ]
    assert sum(trace.stages.values()) == trace.wall_ns


def all_formats():
    packed = msgspec.msgpack.encode(Point(1))
    return msgspec.msgpack.decode(packed), msgspec.to_builtins(Point(2))


def test_other_formats_are_told_apart(recorded):
    with inprofile.job("work"):
        assert all_formats() == ({"x": 1}, {"x": 2})
    assert [name.split()[0] for name in names(recorded.trace)] == [
        "msgspec.msgpack.encode",
        "msgspec.msgpack.decode",
        "msgspec.to_builtins",
    ]


class Odd:
    def __repr__(self):
        raise RuntimeError("nobody may look")


def test_results_and_errors_are_the_librarys_own():
    wrong: Any = msgspec.json
    calls = {
        "hooks": lambda: msgspec.json.encode({Odd()}, enc_hook=lambda it: "odd"),
        "a hook that fails": lambda: msgspec.json.encode(Odd(), enc_hook=lambda it: 1 / 0),
        "strict": lambda: msgspec.json.decode(b'{"x": "1"}', type=Point, strict=True),
        "not strict": lambda: msgspec.json.decode(b'{"x": "1"}', type=Point, strict=False),
        "a strange object": lambda: msgspec.json.encode(Odd()),
        "10 MB": lambda: msgspec.json.decode(msgspec.json.encode(["x" * 100] * 100_000)),
        "nothing": lambda: wrong.encode(*()),
        "too much": lambda: wrong.encode(1, 2),
        "unknown": lambda: wrong.decode(b"1", unknown=2),
        "None": lambda: wrong.decode(None),
        "cut off": lambda: msgspec.json.decode(b"{"),
    }
    assert differing(calls) == []


@pytest.mark.parametrize("name", ["encode", "decode"])
def test_functions_are_pickled_by_their_other_name(name):
    sent = pickle.dumps(getattr(msgspec.json, name))
    inprofile.instrument()
    assert pickle.dumps(getattr(msgspec.json, name)) == sent
    assert pickle.loads(sent) is getattr(msgspec.json, name)
    inprofile.uninstrument()
    assert pickle.loads(sent) is getattr(msgspec.json, name)


def test_encoders_and_decoders_stay_the_librarys_own(recorded):
    with inprofile.job("work"):
        assert msgspec.json.Decoder(Point).decode(msgspec.json.Encoder().encode(Point(1))).x == 1
    assert spans(recorded.trace) == []
