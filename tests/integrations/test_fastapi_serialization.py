"""FastAPI's serialization: a response is validated, dumped and rendered, each with its time."""

import asyncio

import pytest
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse

from tests.integrations.fastapi_parts import (
    FIELD,
    ORDER,
    RENDER,
    Item,
    app_of,
    in_field,
    takes_order,
)
from tests.integrations.spans import names, spans
from tests.integrations.traced import JSON, asked, spent, trace_of


async def gives_dict():
    return {"name": "tea"}


async def gives_item():
    return Item(name="tea")


def gives_item_in_thread():
    return Item(name="tea")


async def gives_wrong():
    return {"nothing": 1}


async def gives_response():
    return JSONResponse({"a": 1})


async def gives_text():
    return PlainTextResponse("text")


async def gives_none():
    return Response(status_code=204)


@pytest.mark.parametrize(
    ("endpoint", "model", "seen"),
    [
        (gives_dict, None, [FIELD, RENDER]),
        (gives_dict, Item, [FIELD, in_field("validate Item"), in_field("dump Item"), RENDER]),
        (gives_item, Item, [FIELD, in_field("validate Item"), in_field("dump Item"), RENDER]),
        (
            gives_item_in_thread,
            Item,
            [FIELD, in_field("validate Item"), in_field("dump Item"), RENDER],
        ),
        (gives_response, None, [("serialization", "render JSONResponse", "gives_response", 1)]),
        (gives_response, Item, [("serialization", "render JSONResponse", "gives_response", 1)]),
        (gives_text, None, []),
        (gives_none, None, []),
    ],
)
def test_serialization_is_validating_dumping_and_rendering(endpoint, model, seen):
    trace = trace_of(app_of(endpoint, response_model=model))
    assert spans(trace, "serialization") == seen


def test_serialization_without_a_response_class_has_the_same_parts_up_to_the_rendering():
    app = FastAPI()
    app.get("/", response_model=list[Item])(lambda: [Item(name="tea")])
    traces, _, content = asked(app)
    assert content == b'[{"name":"tea","secret":"hidden"}]'
    annotation = str(list[Item])
    assert spans(traces[0], "serialization")[:3] == [
        FIELD,
        in_field(f"validate {annotation}"),
        in_field(f"dump {annotation}"),
    ]


def test_what_a_model_leaves_out_is_left_out():
    app = app_of(gives_item, response_model=Item, response_model_exclude={"secret"})
    _, _, content = asked(app)
    assert content == b'{"name":"tea"}'


def test_a_response_that_is_not_valid_says_so():
    trace = trace_of(app_of(gives_wrong, response_model=Item))
    errors = {str(span.name): span.error for span in trace.spans if span.error}
    assert (trace.status, errors) == (500, {"serialize_response": "ResponseValidationError"})


def test_validating_a_request_is_not_serialization():
    trace = trace_of(app_of(takes_order, "POST"), "/", "POST", body=ORDER, headers=JSON)
    assert names(trace, "serialization") == ["serialize_response", "render JSONResponse"]


def test_making_the_parts_of_a_stream_is_the_handlers_time():
    async def parts():
        for _ in range(3):
            await asyncio.sleep(0.004)
            yield b"x"

    async def streams():
        return StreamingResponse(parts())

    traces, _, content = asked(app_of(streams))
    assert content == b"xxx"
    assert spans(traces[0], "handler", "serialization") == [
        ("handler", streams.__qualname__, "http", 1),
        ("handler", "stream", "http", 1),
    ]
    assert spent(traces[0])["stream"] >= 12_000_000
