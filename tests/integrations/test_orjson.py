"""orjson: functions written in C are timed, and are otherwise what they were."""

import copy
import functools
import inspect
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import orjson
import pytest

import inprofile
from tests.integrations.lines import site
from tests.integrations.outcome import differing
from tests.integrations.spans import spans


def two_lines(rows):
    for row in rows:
        orjson.dumps(row)
    return orjson.loads(b"[1]")


def test_repeats_of_a_line_are_one_span_with_a_count(recorded):
    with inprofile.job("work"):
        assert two_lines([1, {"a": 2}, [3]]) == [1]
    trace = recorded.trace
    assert spans(trace) == [
        ("serialization", f"orjson.dumps {site(two_lines, 'dumps')}", "work", 3),
        ("serialization", f"orjson.loads {site(two_lines, 'loads')}", "work", 1),
    ]
    assert sum(trace.stages.values()) == trace.wall_ns


def test_outside_of_a_trace_nothing_is_recorded(recorded):
    two_lines([1])
    assert recorded.traces == []


class Odd:
    def __repr__(self):
        raise RuntimeError("nobody may look")


def test_results_and_errors_are_the_librarys_own():
    calls = {
        "sorted": lambda: orjson.dumps({"b": 1, "a": 2}, None, orjson.OPT_SORT_KEYS),
        "by keyword": lambda: orjson.dumps({1, 2}, default=list, option=None),
        "10 MB": lambda: orjson.loads(orjson.dumps(["x" * 100] * 100_000)),
        "a strange object": lambda: orjson.dumps(Odd()),
        "a default that fails": lambda: orjson.dumps(Odd(), default=lambda it: 1 / 0),
        "nothing": lambda: orjson.dumps(*()),  # type: ignore[call-arg]
        "obj by keyword": lambda: orjson.dumps(obj=1),  # type: ignore[call-arg]
        "too much": lambda: orjson.dumps(1, None, 0, 4),  # type: ignore[call-arg]
        "unknown": lambda: orjson.dumps(1, unknown=2),  # type: ignore[call-arg]
        "cut off": lambda: orjson.loads("{"),
        "not UTF-8": lambda: orjson.loads(b"\xff"),
        "None": lambda: orjson.loads(None),  # type: ignore[arg-type]
        "a buffer": lambda: orjson.loads(memoryview(b"[1]")),
    }
    assert differing(calls) == []


def test_in_a_class_it_becomes_no_method(recorded):
    class Format:
        write: Any = orjson.dumps
        partly = functools.partial(orjson.dumps, option=orjson.OPT_APPEND_NEWLINE)

    with inprofile.job("work"):
        assert Format().write([1]) == Format.write([1]) == b"[1]"
        assert Format.partly([1]) == b"[1]\n"
    assert sum(span.count for span in recorded.trace.spans[:-1]) == 3


@pytest.mark.parametrize("name", ["dumps", "loads"])
def test_it_looks_and_travels_like_the_function_it_stands_for(name):
    original = getattr(orjson, name)
    sent = pickle.dumps(original)
    inprofile.instrument()
    replaced = getattr(orjson, name)
    assert replaced is not original
    assert pickle.dumps(replaced) == sent
    assert pickle.loads(sent) is replaced
    assert copy.deepcopy([replaced]) == [replaced]
    assert (repr(replaced), replaced.__doc__) == (repr(original), original.__doc__)
    assert inspect.signature(replaced) == inspect.signature(original)


@pytest.mark.slow
def test_it_can_be_handed_to_another_process():
    inprofile.instrument()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert list(pool.map(orjson.loads, [b"[1]", b"2"])) == [[1], 2]
