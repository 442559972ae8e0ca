"""Pydantic: each line that dumps is one span, and what comes out is as ever."""

import asyncio
import pickle
import warnings

import pytest
from pydantic import BaseModel, RootModel, TypeAdapter, computed_field, model_serializer

import inprofile
from tests import asgi
from tests.integrations.lines import site
from tests.integrations.outcome import both_ways, differing
from tests.integrations.spans import names, spans


class Point(BaseModel):
    x: int
    y: int = 0


class Line(BaseModel):
    ends: list[Point]


class Mine(BaseModel):
    point: Point

    def model_dump(self, **kwargs):
        return {"mine": super().model_dump(**kwargs)}


class Nested(BaseModel):
    point: Point

    @model_serializer
    def written(self):
        return {"inner": self.point.model_dump()}


class Failing(BaseModel):
    @computed_field  # type: ignore[prop-decorator]
    @property
    def never(self) -> int:
        raise LookupError("computed")


def each_way(point):
    for _ in range(3):
        point.model_dump()
    point.model_dump_json()
    TypeAdapter(Point).dump_python(point)
    TypeAdapter(Point).dump_json(point)


def test_each_way_to_dump_is_named_by_its_line(recorded):
    with inprofile.job("work"):
        each_way(Point(x=1))
    trace = recorded.trace
    ways = ["model_dump()", "model_dump_json", "dump_python", "dump_json(point)"]
    assert spans(trace) == [
        ("serialization", f"{way.partition('(')[0]} {site(each_way, way)}", "work", count)
        for way, count in zip(ways, [3, 1, 1, 1], strict=True)
    ]
    assert sum(trace.stages.values()) == trace.wall_ns


def test_outside_of_a_trace_nothing_is_recorded(recorded):
    each_way(Point(x=1))
    assert recorded.traces == []


def nested():
    return Nested(point=Point(x=1)).model_dump(), RootModel[list[int]]([1]).model_dump_json()


def test_what_a_serializer_dumps_is_part_of_its_model(recorded):
    with inprofile.job("work"):
        assert nested() == ({"inner": {"x": 1, "y": 0}}, "[1]")
    assert [span[3] for span in spans(recorded.trace)] == [1, 1]


def mine():
    return Mine(point=Point(x=1)).model_dump(exclude={"point": {"y"}})


def test_a_method_of_the_users_own_is_timed_where_it_calls_pydantics(recorded):
    with inprofile.job("work"):
        assert mine() == {"mine": {"point": {"x": 1}}}
    assert names(recorded.trace) == [f"model_dump {site(Mine.model_dump, 'return')}"]


def in_the_old_way():
    return Point(x=1).dict()


def test_an_old_name_is_timed_by_its_caller(recorded):
    with inprofile.job("work"), pytest.warns(DeprecationWarning, match="model_dump"):
        in_the_old_way()
    assert names(recorded.trace) == [f"model_dump {site(in_the_old_way, 'return')}"]


def test_a_warning_names_whom_it_ever_named():
    """Older versions name themselves."""

    def warned():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            in_the_old_way()
        return [(str(each.message), each.filename, each.lineno) for each in caught]

    without, within = both_ways(warned)
    assert within == without != []


def unexpected():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Line.model_construct(ends=[1]).model_dump()
    return [(str(each.message), each.filename, each.lineno) for each in caught]


def test_results_warnings_and_errors_are_the_librarys_own():
    point = Point(x=1)
    adapter = TypeAdapter(list[Point])
    calls = {
        "options": lambda: point.model_dump(mode="json", include={"x"}, exclude_defaults=True),
        "json": lambda: point.model_dump_json(indent=2, exclude={"y"}),
        "adapter": lambda: adapter.dump_json([point], indent=1, exclude_none=True),
        "adapter by keyword": lambda: adapter.dump_python(instance=[point]),  # type: ignore[call-arg]
        "a property that fails": lambda: Failing().model_dump(),
        "json of what fails": lambda: Failing().model_dump_json(),
        "unexpected values": unexpected,
        "positional": lambda: point.model_dump("json"),  # type: ignore[call-arg]
        "unknown": lambda: point.model_dump(unknown=1),  # type: ignore[call-arg]
        "no model": lambda: BaseModel.model_dump(1),  # type: ignore[arg-type]
        "surrogates": lambda: TypeAdapter(str).dump_json("\ud800"),
        "10 MB": lambda: TypeAdapter(list[str]).dump_json(["x" * 100] * 100_000),
    }
    assert differing(calls) == []


def test_models_travel_as_ever(recorded):
    with inprofile.job("work"):
        assert pickle.loads(pickle.dumps(Point(x=1))) == Point(x=1)
        assert Point(x=1).model_copy(update={"y": 2}).model_dump() == {"x": 1, "y": 2}


def test_a_response_of_fastapis_is_counted_once(recorded):
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/")
    async def root() -> Point:
        return Point(x=1)

    inprofile.instrument(app)
    assert asyncio.run(asgi.exchange(app, asgi.scope("/")))
    assert not any("model_dump" in name or "json.dumps" in name for name in names(recorded.trace))
    assert recorded.trace.stages["serialization"] > 0
