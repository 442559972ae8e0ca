"""json: each line that reads or writes is one span, and what comes out is as ever."""

import asyncio
import decimal
import inspect
import io
import json
import json.decoder
import pickle
from json import dumps as dumps_by_name
from json import loads as loads_by_name

import pytest

import inprofile
from inprofile.testing import record
from tests.integrations.lines import site
from tests.integrations.outcome import differing
from tests.integrations.spans import names, spans
from tests.integrations.threads import in_threads


def two_lines(rows):
    for row in rows:
        json.dumps(row)
    return json.loads("[1]")


def test_repeats_of_a_line_are_one_span_with_a_count(recorded):
    with inprofile.job("work"):
        two_lines([1, {"a": 2}, [3]])
    trace = recorded.trace
    assert spans(trace) == [
        ("serialization", f"json.dumps {site(two_lines, 'json.dumps')}", "work", 3),
        ("serialization", f"json.loads {site(two_lines, 'json.loads')}", "work", 1),
    ]
    assert trace.stages["serialization"] == sum(span.self_ns for span in trace.spans[:-1]) > 0
    assert sum(trace.stages.values()) == trace.wall_ns


def many(count):
    for _ in range(count):
        json.dumps({})


def test_thousands_of_calls_fill_nothing(recorded):
    with inprofile.job("work"):
        many(5000)
    assert [span[3] for span in spans(recorded.trace)] == [5000]
    assert recorded.trace.dropped == 0


def test_the_same_line_below_two_parents_is_counted_below_each(recorded):
    with inprofile.job("work"):
        for name in ("first", "second"):
            with inprofile.span(name, kind="cache"):
                many(2)
    assert [span[2:] for span in spans(recorded.trace, "serialization")] == [
        ("first", 2),
        ("second", 2),
    ]


def test_outside_of_a_trace_nothing_is_recorded(recorded):
    two_lines([1])
    assert recorded.traces == []


def by_name():
    return loads_by_name(dumps_by_name({"a": 1}))


def test_functions_that_were_imported_before_are_seen_in_the_classes_below(recorded):
    assert not hasattr(dumps_by_name, "__wrapped__")
    with inprofile.job("work"):
        by_name()
    where = site(by_name, "return")
    assert names(recorded.trace) == [f"json.dumps {where}", f"json.loads {where}"]


def files():
    file = io.StringIO()
    json.dump({"a": [1, 2]}, file)
    file.seek(0)
    return json.load(file)


def test_files_are_written_and_read_as_one_call_each(recorded):
    with inprofile.job("work"):
        assert files() == {"a": [1, 2]}
    assert spans(recorded.trace) == [
        ("serialization", f"json.dump {site(files, 'json.dump(')}", "work", 1),
        ("serialization", f"json.load {site(files, 'json.load(')}", "work", 1),
    ]


class Exact(json.JSONEncoder):
    """Writes decimals as text, by way of json.dumps."""

    def default(self, o):
        return json.dumps(str(o))


def with_arguments():
    return [
        json.dumps({"b": 1, "a": "ä"}, sort_keys=True, ensure_ascii=False, indent=1),
        json.dumps([decimal.Decimal("1.5")], cls=Exact),
        json.dumps(obj={1: {2}}, default=list, separators=(",", ":")),
        json.dumps({(1, 2): 3}, skipkeys=True),
        json.loads(s=b'{"a": 1.50}', parse_float=decimal.Decimal),
        json.loads('{"a": 1}', object_pairs_hook=list),
        json.loads("[1]".encode("utf-16")),
    ]


def test_every_argument_does_what_it_did():
    assert differing({"all": with_arguments}) == []
    with record() as within, inprofile.job("work"):
        with_arguments()
    assert [span[3] for span in spans(within.trace)] == [1] * 7


class Odd:
    def __repr__(self):
        raise RuntimeError("nobody may look")

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other):
        raise RuntimeError("nobody may compare")


def big():
    return {"rows": [{"number": number, "text": "x" * 90} for number in range(100_000)]}


def test_bad_input_meets_the_librarys_own_error():
    calls = {
        "a set": lambda: json.dumps({1, 2}),
        "bytes": lambda: json.dumps(b""),
        "a strange key": lambda: json.dumps({Odd: 1}),
        "a strange object": lambda: json.dumps(Odd(), default=str),
        "not a number": lambda: json.dumps(float("nan"), allow_nan=False),
        "nothing": lambda: json.dumps(*()),  # type: ignore[call-arg]
        "an unknown argument": lambda: json.dumps(1, unknown=2),
        "10 MB": lambda: json.dumps(big()),
        "cut off": lambda: json.loads("{"),
        "not UTF-8": lambda: json.loads(b"\xff\xff"),
        "None": lambda: json.loads(None),  # type: ignore[arg-type]
        "too deep": lambda: json.loads("[" * 100_000),
        "10 MB of nothing": lambda: json.loads("x" * 10_000_000),
        "no file": lambda: json.load(None),  # type: ignore[arg-type]
    }
    assert differing(calls) == []


def circular():
    ring: list[object] = []
    ring.append(ring)
    return json.dumps(ring)


def test_a_call_that_fails_is_counted_all_the_same(recorded):
    with inprofile.job("work"), pytest.raises(ValueError, match="Circular"):
        circular()
    assert spans(recorded.trace) == [
        ("serialization", f"json.dumps {site(circular, 'return')}", "work", 1)
    ]


def test_a_call_inside_of_serialization_is_left_alone(recorded):
    with inprofile.job("work"), inprofile.span("render", kind="serialization"):
        two_lines([1])
    assert names(recorded.trace) == ["render"]


def queried(connection):
    return json.dumps([connection], default=lambda it: it.execute("SELECT 1").fetchall())


def test_a_query_made_while_writing_is_below_its_call(recorded):
    import sqlite3

    with inprofile.job("work"):
        db = sqlite3.connect(":memory:")
        assert queried(db) == "[[[1]]]"
        db.close()
    call = f"json.dumps {site(queried, 'return')}"
    assert ("db", "SELECT ?", call, 1) in spans(recorded.trace)
    assert sum(recorded.trace.stages.values()) == recorded.trace.wall_ns


def test_tasks_and_threads_keep_their_own_parents(recorded):
    async def one(name):
        with inprofile.span(name, kind="cache"):
            await asyncio.sleep(0)
            many(3)

    async def both():
        await asyncio.gather(one("first"), one("second"))

    with inprofile.job("work"):
        asyncio.run(both())
        in_threads(many, *[(50,)] * 4)
    trace = recorded.trace
    assert [span[2:] for span in spans(trace, "serialization")] == [
        ("first", 3),
        ("second", 3),
        ("work", 200),
    ]
    assert sum(trace.stages.values()) == trace.wall_ns


def test_the_functions_can_still_be_pickled_and_kept_in_a_class(recorded):
    class Format:
        write = staticmethod(json.dumps)

    assert inspect.signature(json.dumps) == inspect.signature(dumps_by_name)
    assert pickle.loads(pickle.dumps(json.loads)) is json.loads
    with inprofile.job("work"):
        assert Format().write([1]) == "[1]"
    assert json.decoder.JSONDecoder.decode is json.JSONDecoder.decode


def answer(client, url):
    return client.get(url).json()


def test_a_librarys_call_is_named_by_the_line_that_called_the_library(recorded):
    import httpx

    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=b'{"a": 1}'))
    with httpx.Client(transport=transport) as client, inprofile.job("work"):
        assert answer(client, "http://here/") == {"a": 1}
    assert names(recorded.trace, "serialization") == [f"json.loads {site(answer, 'return')}"]


def test_as_part_of_a_log_call_or_of_validation_it_is_theirs(recorded):
    with inprofile.job("work"):
        for kind in ("logging", "validation"):
            with inprofile.span("outer", kind=kind):
                two_lines([1])
    assert names(recorded.trace) == ["outer", "outer"]


def test_a_framework_that_renders_json_is_counted_once(recorded):
    from starlette.responses import JSONResponse

    with inprofile.job("work"):
        JSONResponse({"a": 1})
    assert spans(recorded.trace) == [("serialization", "render JSONResponse", "work", 1)]
