"""Pydantic."""

KINDS = {"serialization"}


def call(_):
    from pydantic import BaseModel, TypeAdapter

    class Point(BaseModel):
        x: int

    point = Point(x=1)
    return point.model_dump(), point.model_dump_json(), TypeAdapter(list[Point]).dump_json([point])
